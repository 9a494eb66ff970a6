from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from factories.examples import examples
from factories.serving import Adapters, load_adapter, prompt_vectors, site_scales
from factories.tiny_models import tiny_model
from foreword.errors import ArtifactError
from foreword.inference.engine.adapter_store import AdapterStore
from foreword.inference.engine.artifact_reading import check_content, parse_tensors, read_contributions
from foreword.inference.interfaces import AdapterReference
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import soft_prompt
from foreword_methods.prompt_tuning.method import PromptTuning


def _reference(tenant: str = "acme", sha: str = "a" * 64) -> AdapterReference:
    return AdapterReference(
        tenant=tenant, base_model="tiny--bart", tuning_type="prompt_tuning", artifact="x", content_sha256=sha
    )


def _prompt() -> LoadedAdapter:
    return LoadedAdapter(vectors_PD=prompt_vectors(2))


def _file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _entry(dtype: str = "F32", shape: tuple[int, ...] = (1, 2), offsets: tuple[int, int] = (0, 8)) -> dict:
    return {"prompt_embeddings": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


def test_a_prompt_is_loaded_once_and_the_least_recently_used_goes_first():
    store, loads = AdapterStore(250), []

    def get(sha: str) -> None:
        def load():
            loads.append(sha)
            return _prompt(), 100

        store.get(_reference(sha=sha), load)

    for sha in ("a", "b", "a", "c", "a", "b"):
        get(sha)

    assert loads == ["a", "b", "c", "b"]
    assert store.byte_size <= 250


def test_the_same_content_of_another_tenant_is_another_prompt():
    store = AdapterStore(1000)
    mine = store.get(_reference("acme"), lambda: (_prompt(), 10))
    theirs = store.get(_reference("globex"), lambda: (_prompt(), 10))
    assert mine is not theirs
    assert store.get(_reference("acme"), pytest.fail) is mine


def test_the_same_tensors_under_another_method_or_configuration_are_another_adapter():
    store = AdapterStore(1000)
    reference = _reference()
    others = (replace(reference, tuning_type="ia3"), replace(reference, config_sha256="b" * 64))
    mine = store.get(reference, lambda: (_prompt(), 10))

    assert all(store.get(other, lambda: (_prompt(), 10)) is not mine for other in others)


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_memory_counts_vectors_factors_and_the_states_of_a_prompt(shape):
    runner = ModelRunner(tiny_model(shape))
    factors = sum(scale_W.numel() for scale_W in site_scales(runner.model.spec).values())
    both, prompt, scaled = (
        runner.network.adapter_bytes(load_adapter(runner, length, scaled=scaled))
        for length, scaled in ((5, True), (5, False), (0, True))
    )

    # Two layers, keys and values, one head of 8 for llama's two queries.
    states = 5 * 2 * 2 * 8 if shape == "llama" else 0
    assert prompt == 4 * (5 * 16 + states)
    assert scaled == 4 * factors
    assert both == prompt + scaled


def test_the_kept_states_of_a_prompt_are_those_under_its_own_factors():
    runner = ModelRunner(tiny_model("llama"))
    plain, scaled = (load_adapter(runner, 5, scaled=flag) for flag in (False, True))
    rows = [TextRow(text="Box", adapter=adapter) for adapter in (plain, scaled)]

    runner.generate(rows)

    assert torch.equal(plain.vectors_PD, scaled.vectors_PD)
    for (_, before), (_, after) in zip(plain.key_values, scaled.key_values, strict=True):
        assert not torch.allclose(before, after)


def test_a_prompt_larger_than_the_store_is_served_and_not_kept():
    store = AdapterStore(0)
    assert store.get(_reference(), lambda: (_prompt(), 10)) is not None
    assert store.byte_size == 0


def test_a_load_that_fails_is_tried_anew():
    store = AdapterStore(1000)

    def fail():
        raise ArtifactError("missing")

    with pytest.raises(ArtifactError):
        store.get(_reference(), fail)
    assert store.get(_reference(), lambda: (_prompt(), 10)) is not None


def test_many_requests_for_one_prompt_share_a_load():
    store, loads, entered = AdapterStore(1000), [], threading.Event()

    def load():
        loads.append(1)
        entered.wait(5)
        return _prompt(), 10

    threads = [threading.Thread(target=store.get, args=(_reference(), load)) for _ in range(8)]
    for thread in threads:
        thread.start()
    entered.set()
    for thread in threads:
        thread.join()
    assert len(loads) == 1


def test_an_artifact_is_read_back_as_it_was_stored():
    adapters, vectors = Adapters(), prompt_vectors(5)
    reference = adapters.add("mine", vectors)
    found = read_contributions(reference, PromptTuning(), tiny_model("bart").spec, adapters.read)
    assert torch.equal(soft_prompt(found), vectors)


def test_content_with_another_hash_is_refused():
    with pytest.raises(ArtifactError, match="SHA-256") as caught:
        check_content(b"other", hashlib.sha256(b"stored").hexdigest())
    assert caught.value.reason == "ARTIFACT_HASH_MISMATCH"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "0 bytes"),
        (b"abc", "3 bytes"),
        ((2**60).to_bytes(8, "little") + b"{}", "claims"),
        ((2**20 + 1).to_bytes(8, "little") + b" " * (2**20 + 2), "claims"),
        (_file(b"\x80\x04cposix\nsystem\n."), "no JSON"),
        (_file(b"[" * 10_000), "no JSON"),
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
def test_no_bytes_crash_the_reader(data):
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
def test_a_configuration_that_makes_no_sense_is_refused(config):
    adapters = Adapters()
    reference = adapters.add_bytes("mine", config, save({"prompt_embeddings": prompt_vectors(4)}))
    with pytest.raises(ArtifactError):
        read_contributions(reference, PromptTuning(), tiny_model("bart").spec, adapters.read)
