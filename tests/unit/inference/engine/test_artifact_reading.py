from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from factories.examples import examples
from factories.serving import Adapters, prompt_vectors
from factories.tiny_models import tiny_model
from foreword.errors import ArtifactError
from foreword.inference.engine.artifact_reading import check_content, parse_tensors, read_contributions
from foreword.plugin.contributions import soft_prompt
from foreword_methods.prompt_tuning.method import PromptTuning


def _file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _entry(dtype: str = "F32", shape: tuple[int, ...] = (1, 2), offsets: tuple[int, int] = (0, 8)) -> dict:
    return {"prompt_embeddings": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


def test_an_artifact_is_read_back_as_it_was_stored():
    adapters, vectors = Adapters(), prompt_vectors(5)
    reference = adapters.add("mine", vectors)
    found = read_contributions(reference, PromptTuning(), tiny_model("bart").spec, adapters.read)
    assert torch.equal(soft_prompt(found), vectors)


def test_content_with_another_hash_is_refused():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(5))

    with pytest.raises(ArtifactError, match=f"{reference.artifact} has the SHA-256") as caught:
        check_content(b"other", reference)

    assert caught.value.reason == "ARTIFACT_CORRUPT"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "0 bytes"),
        (b"abc", "3 bytes"),
        ((2**60).to_bytes(8, "little") + b"{}", "claims"),
        ((2**20 + 1).to_bytes(8, "little") + b" " * (2**20 + 2), "claims"),
        (_file(b"\x80\x04cposix\nsystem\n."), "not JSON"),
        (_file(b"[" * 10_000), "not JSON"),
        (_file([1, 2]), "at most"),
        (_file({"prompt_embeddings": 3}), "dtype"),
        (_file(_entry(dtype="I64"), b"\0" * 8), "dtype I64"),
        (_file(_entry(dtype="F64"), b"\0" * 8), "dtype F64"),
        (_file(_entry(), b"\0" * 7), "safetensors"),
        (_file(_entry(), b"\0" * 9), "safetensors"),
        (_file(_entry(shape=(2**40, 2**40))), "safetensors"),
        (_file(_entry(offsets=(8, 0)), b"\0" * 8), "safetensors"),
        (save({"prompt_embeddings": torch.tensor([[1.0, float("nan")]])}), "not finite"),
        (save({"prompt_embeddings": torch.tensor([[1.0, float("inf")]])}), "not finite"),
        (save({"prompt_embeddings": prompt_vectors(3)})[:-4], "safetensors"),
    ],
)
def test_a_hostile_file_is_refused_before_anything_of_its_size_is_allocated(data, problem):
    with pytest.raises(ArtifactError) as caught:
        parse_tensors(data)
    assert problem in caught.value.message
    assert caught.value.reason == "ARTIFACT_CORRUPT"


@given(data=st.binary(max_size=200))
@settings(max_examples=examples(200))
def test_random_bytes_do_not_crash_the_reader(data):
    good = save({"prompt_embeddings": prompt_vectors(1)})
    for candidate in (data, good[: len(data)] + data, data + good[len(data) :]):
        try:
            parse_tensors(candidate)
        except ArtifactError:
            continue


@pytest.mark.parametrize(
    "vectors",
    [torch.zeros(4, 8), torch.zeros(4, 4, 4), torch.zeros(0, 16), torch.zeros(5, 16)],
    ids=["width", "dimensions", "empty", "length"],
)
def test_a_tensor_of_the_wrong_shape_is_refused(vectors):
    adapters = Adapters()
    config = {"peft_type": "PROMPT_TUNING", "task_type": "SEQ_2_SEQ_LM", "num_virtual_tokens": 4, "token_dim": 16}
    reference = adapters.add_bytes("mine", config, save({"prompt_embeddings": vectors}))
    with pytest.raises(ArtifactError):
        read_contributions(reference, PromptTuning(), tiny_model("bart").spec, adapters.read)


@pytest.mark.parametrize("config", [{}, {"peft_type": []}, {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": "x"}])
def test_an_invalid_configuration_is_refused(config):
    adapters = Adapters()
    reference = adapters.add_bytes("mine", config, save({"prompt_embeddings": prompt_vectors(4)}))
    with pytest.raises(ArtifactError):
        read_contributions(reference, PromptTuning(), tiny_model("bart").spec, adapters.read)
