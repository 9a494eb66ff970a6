"""An instruct model: its chat template is found, used alike in tuning and serving, and its answers end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from factories.chat import chat_tokenizer
from factories.hub import REPOSITORY, running_hub
from factories.hugging_face import make_module, write_model
from factories.runs import make_rows, make_run
from foreword.domain.inference import GenerateParameters, StopReason
from foreword.domain.parameters import TuneParameters, resolve_parameters
from foreword.errors import FailedPreconditionError
from foreword.inference.runner import ModelRunner, TextRow
from foreword.server.plans.token_counts import TokenCounters
from foreword.tuning.company.co_tuning import tune
from foreword_huggingface.model import HuggingFaceModel
from foreword_huggingface.settings import ModelEntry
from foreword_huggingface.sources import HubSource
from foreword_methods.prompt_tuning import PromptTuning


def write_chat_model(folder: Path, template: str = "granite", family: str = "granite") -> Path:
    tokenizer = chat_tokenizer(template, family)
    make_module(family, vocab_size=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def describe(folder: Path, name: str, *, chat: bool | None = None) -> HuggingFaceModel:
    return HuggingFaceModel.describe(ModelEntry(name=name, folder=folder, chat=chat))


@pytest.mark.parametrize(
    ("name", "chat", "used"),
    [
        ("ibm-granite/granite-3.1-2b-instruct", None, True),
        ("Qwen/Qwen2.5-0.5B-Instruct", None, True),
        ("meta-llama/Llama-2-7b-chat-hf", None, True),
        ("team/tiny-it", None, True),
        ("Qwen/Qwen2.5-0.5B", None, False),
        ("team/italian-chatter", None, False),
        ("Qwen/Qwen3-0.6B", True, True),
        ("ibm-granite/granite-3.1-2b-instruct", False, False),
    ],
)
def test_the_template_is_used_for_instruct_models_and_as_the_entry_says(tmp_path, name, chat, used):
    spec = describe(write_chat_model(tmp_path), name, chat=chat).spec

    assert spec.chat_template is used
    assert spec.revision.endswith("+chat") is used
    assert ("chat template" in spec.description) is used


def test_an_instruct_model_without_a_template_gets_plain_texts_unless_it_is_asked_for(tmp_path):
    write_model(tmp_path, "llama")

    assert not describe(tmp_path, "team/tiny-instruct").spec.chat_template
    with pytest.raises(FailedPreconditionError, match="no chat template") as raised:
        describe(tmp_path, "team/tiny", chat=True)
    assert raised.value.reason == "CHAT_TEMPLATE_MISSING"


def test_the_hub_s_template_is_known_before_weights_are_there_and_later_without_network(tmp_path):
    write_chat_model(tmp_path / "files", "qwen", "qwen2")
    with running_hub(tmp_path / "files") as hub:

        def find(**options: bool) -> HuggingFaceModel:
            source = HubSource(REPOSITORY, cache_folder=tmp_path / "cache", endpoint=hub.endpoint)
            return HuggingFaceModel.describe(ModelEntry(name="team/tiny-instruct"), source=source, **options)

        assert find().spec.chat_template
        assert not [path for path in hub.requests if "safetensors" in path and "resolve" in path]
        hub.requests.clear()
        assert find(offline=True).spec.chat_template
        assert hub.requests == []
        assert find().load(device="cpu", dtype="float32").tokenizer.chat_template


def test_tuning_counting_and_serving_read_the_same_tokens(tmp_path):
    base, rows = describe(write_chat_model(tmp_path), "granite-instruct"), make_rows()
    model = base.load(device="cpu", dtype="float32")
    recipe = replace(
        base.spec.recipe("prompt_tuning"), batch_size=4, num_epochs=4, num_virtual_tokens=5, validation_split=0.25
    )
    parameters, _ = resolve_parameters(TuneParameters(learning_rate=0.1), recipe)
    run = make_run(model, rows, parameters, evaluate=lambda _: 0.0)
    runner = ModelRunner(model)
    count = TokenCounters().counter(base)

    losses = [report.loss for report in tune(run)]
    prompt = runner.load_adapter(PromptTuning().contributions(run.result().artifact))
    (answer,) = runner.generate(
        [TextRow(text=rows[0].input, adapter=prompt, parameters=GenerateParameters(max_new_tokens=4))]
    )

    whole = make_run(model, rows, replace(parameters, batch_size=len(rows), validation_split=0.0))
    seen = {row.input_ids for passed in whole.begin_update().passes for row in passed}
    assert seen == {tuple(runner.tokenize(row.input)) for row in rows}
    assert "Today's Date: July 26, 2024." in model.tokenizer.decode(runner.tokenize("Hello"))
    assert count(rows[0].input) == len(runner.tokenize(rows[0].input)) == answer.input_tokens
    assert sum(losses[-3:]) < sum(losses[:3])


def test_every_end_token_that_the_model_names_ends_an_answer(tmp_path):
    """Chat models end a turn with one token and a document with another."""
    folder = write_chat_model(tmp_path)
    plain = ModelRunner(describe(folder, "granite-instruct").load(device="cpu", dtype="float32"))
    row = TextRow(text="Hello", parameters=GenerateParameters(max_new_tokens=6))
    (endless,) = plain.generate([row])
    first = plain.model.tokenizer.encode(endless.text, add_special_tokens=False)[0]
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**config, "eos_token_id": [2, first]}))

    (ended,) = ModelRunner(describe(folder, "granite-instruct").load(device="cpu", dtype="float32")).generate([row])

    assert endless.stop_reason is StopReason.MAX_TOKENS
    assert (ended.stop_reason, ended.generated_tokens) == (StopReason.EOS_TOKEN, 1)
