from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch

from factories.serving import load_adapter, prompt_vectors, site_scales
from factories.tiny_models import tiny_model
from foreword.errors import ArtifactError
from foreword.inference.engine.adapter_store import AdapterStore
from foreword.inference.interfaces import AdapterReference
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner, TextRow


def _reference(tenant: str = "acme", sha: str = "a" * 64) -> AdapterReference:
    return AdapterReference(
        tenant=tenant, base_model="tiny--bart", tuning_type="prompt_tuning", artifact="x", content_sha256=sha
    )


def _prompt() -> LoadedAdapter:
    return LoadedAdapter(vectors_PD=prompt_vectors(2))


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
    for (_, before), (_, after) in zip(plain.states.layers_AHPd, scaled.states.layers_AHPd, strict=True):
        assert not torch.allclose(before, after)


def test_a_prompt_larger_than_the_store_is_served_and_not_kept():
    store = AdapterStore(0)
    assert store.get(_reference(), lambda: (_prompt(), 10)) is not None
    assert store.byte_size == 0


def test_a_failed_load_is_retried():
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
        entered.wait(60)
        return _prompt(), 10

    threads = [threading.Thread(target=store.get, args=(_reference(), load)) for _ in range(8)]
    for thread in threads:
        thread.start()
    entered.set()
    for thread in threads:
        thread.join()
    assert len(loads) == 1


def test_one_tenants_adapters_do_not_push_out_those_of_another():
    store = AdapterStore(400)
    store.get(_reference("modest", "a"), lambda: (_prompt(), 100))
    for number in range(10):
        store.get(_reference("greedy", f"{number}"), lambda: (_prompt(), 100))

    assert store.get(_reference("modest", "a"), pytest.fail) is not None
    assert store.get(_reference("greedy", "9"), pytest.fail) is not None
    assert store.byte_size == 400


def test_an_adapter_that_is_loaded_anew_takes_the_place_of_the_former():
    store = AdapterStore(1000)
    for size in (300, 200):
        store.refresh(_reference(), lambda size=size: (_prompt(), size))

    assert store.byte_size == 200
