from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from factories.tiny_training import TEXTS, write_corpus, write_minilm, write_settings, write_teacher
from foreword_starter.training.precision import compute_dtype
from foreword_starter.training.run import Run, Sources


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    canary = folder / "canary.jsonl"
    rows = ({"input": text, "output": text.split()[1]} for text in TEXTS)
    canary.write_text("\n".join(json.dumps(row) for row in rows))
    return Sources(
        corpus=write_corpus(folder / "corpus"), minilm=write_minilm(folder / "minilm"),
        teacher=write_teacher(folder / "teacher"), canary=canary, begin_from=None,
    )  # fmt: skip


def read(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(sources, tmp_path_factory):
    """The folder of a run that was stopped and finished by the same command, with its settings."""
    folder = tmp_path_factory.mktemp("trained")
    settings = write_settings(folder / "settings.toml")
    first = Run(sources, settings, folder / "state", torch.device("cpu")).train(stop_at=0.0)
    second = Run(sources, settings, folder / "state", torch.device("cpu")).train()
    assert (first, second) == (False, True)
    return folder


def test_one_command_that_goes_on_after_a_stop_makes_a_model_that_transformers_can_load(trained):
    folder = trained / "state" / "steered" / "best"
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    answer = model.generate(**tokenizer("The lamp\nARRIVED broken.", return_tensors="pt"), max_new_tokens=3)
    assert answer.shape[0] == 1
    assert model.dtype == compute_dtype(torch.device("cpu"))  # bfloat16 where the processor has it
    checkpoints = read(trained / "state" / "checkpoints.jsonl")
    assert [found["checkpoint"] for found in checkpoints] == ["distilled", "distilled", "matched", "steered"]
    assert all({"cosine", "canary", "probe_mean", "tokens"} <= set(found) for found in checkpoints)


def test_a_finished_run_does_nothing(sources, trained):
    before = (trained / "state" / "checkpoints.jsonl").read_text()

    Run(sources, trained / "settings.toml", trained / "state", torch.device("cpu")).train()

    assert (trained / "state" / "checkpoints.jsonl").read_text() == before
