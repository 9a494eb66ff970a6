"""Base models in memory: when they are loaded and unloaded, and that none in use is unloaded."""

from __future__ import annotations

import resource
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from factories.tiny_models import tiny_model, tokenizer
from factories.waiting import wait_until
from foreword.errors import ExhaustedError, FailedPreconditionError, UnavailableError
from foreword.inference.residency.memory_budget import MemoryBudget
from foreword.inference.residency.model_residency import ModelResidency
from foreword.plugin.interfaces import BaseModel, LoadedModel


class Offer(BaseModel):
    """A tiny model under any name; counts its loads and can be made to wait or to fail."""

    def __init__(self, name: str) -> None:
        self._model = tiny_model("bart")
        self._spec = replace(self._model.spec, id=name)
        self.loads = 0
        self.gate: threading.Event | None = None
        self.fault: Exception | None = None

    @property
    def spec(self):
        return self._spec

    def load_tokenizer(self):
        return tokenizer()

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        self.loads += 1
        if self.gate:
            assert self.gate.wait(60)
        if self.fault:
            raise self.fault
        return replace(self._model, spec=self._spec)


_MODULE = tiny_model("bart").module
SIZE = sum(tensor.nbytes for tensor in (*_MODULE.parameters(), *_MODULE.buffers()))


class Clock:
    """A clock that advances only on request."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_residency(max_models: float, **fields) -> ModelResidency[LoadedModel]:
    budget = MemoryBudget(byte_size=int(max_models * SIZE * 1.01), strict=True)
    values = {"wrap": lambda model: model, "budget": budget, "device": "cpu", "dtype": "float32", "stay_factor": 0.0}
    return ModelResidency(**{**values, **fields})


def use(residency: ModelResidency[LoadedModel], *models: BaseModel) -> None:
    """Load models one after the other, each released before the next."""
    for model in models:
        hold = residency.hold(model)
        try:
            hold.loaded.result(60)
        finally:
            hold.release()


def names(residency: ModelResidency[LoadedModel]) -> set[str]:
    return {resident.name for resident in residency.residents()}


def test_a_model_is_loaded_once_for_all_waiting_requests():
    residency, model = make_residency(1), Offer("a")
    model.gate = threading.Event()

    holds = [residency.hold(model) for _ in range(5)]
    model.gate.set()

    assert len({id(hold.loaded.result(60)) for hold in holds}) == 1
    assert model.loads == 1


def test_the_least_recently_used_model_makes_room():
    clock = Clock()
    residency = make_residency(2, clock=clock)
    a, b, c = Offer("a"), Offer("b"), Offer("c")

    for model in (a, b, a):
        clock.now += 1
        use(residency, model)
    use(residency, c)

    assert names(residency) == {"a", "c"}
    use(residency, b)
    assert b.loads == 2


def test_a_model_in_use_stays_and_the_other_request_has_to_retry():
    residency, a, b = make_residency(1), Offer("a"), Offer("b")
    held = residency.hold(a)
    held.loaded.result(60)

    with pytest.raises(ExhaustedError, match="There is no memory for b now: a are answering") as raised:
        use(residency, b)

    assert raised.value.reason == "BASE_MODELS_BUSY"
    assert raised.value.retry_after.total_seconds() > 0
    assert names(residency) == {"a"}
    held.release()
    use(residency, b)
    assert names(residency) == {"b"}


def test_models_that_take_turns_do_not_spend_all_time_on_loading():
    """Each stays for at least as long as it took to load."""
    clock = Clock()

    class Slow(Offer):
        def load(self, *, device: str, dtype: str) -> LoadedModel:
            clock.now += 8.0
            return super().load(device=device, dtype=dtype)

    residency, a, b = make_residency(1, clock=clock, stay_factor=1.0), Slow("a"), Slow("b")
    use(residency, a)

    with pytest.raises(ExhaustedError) as raised:
        use(residency, b)
    assert raised.value.retry_after.total_seconds() == pytest.approx(8.0)

    clock.now += 8.0
    use(residency, b)
    assert names(residency) == {"b"}


def test_a_model_larger_than_the_budget_is_refused_with_both_sizes():
    residency = make_residency(0.5)

    with pytest.raises(FailedPreconditionError, match="FOREWORD_BASE_MODEL_CACHE_BYTES") as raised:
        use(residency, Offer("a"))

    assert raised.value.reason == "BASE_MODEL_EXCEEDS_BUDGET"
    assert int(raised.value.metadata["needed_bytes"]) > int(raised.value.metadata["budget_bytes"])


def test_the_default_share_refuses_no_model_but_keeps_only_one():
    residency = make_residency(1, budget=MemoryBudget(byte_size=SIZE // 2))

    use(residency, Offer("a"), Offer("b"))

    assert names(residency) == {"b"}


def test_idle_models_make_room_when_memory_is_short_whatever_the_budget():
    left = {"cpu": 10 * SIZE}
    residency = make_residency(100, available_bytes=left.get)
    use(residency, Offer("a"))
    left["cpu"] = SIZE // 2

    use(residency, Offer("b"))

    assert names(residency) == {"b"}


def test_a_model_that_cannot_fit_unloads_no_other():
    left = {"cpu": 10 * SIZE}
    residency = make_residency(100, available_bytes=left.get)
    use(residency, Offer("a"))
    left["cpu"] = 0
    huge = Offer("huge")
    huge._spec = replace(huge.spec, parameter_count=10 * huge.spec.parameter_count)

    with pytest.raises(FailedPreconditionError, match="does not fit"):
        use(residency, huge)

    assert names(residency) == {"a"}


def test_a_failed_load_fails_all_waiting_requests_and_is_retried():
    residency, model = make_residency(1), Offer("a")
    model.fault = RuntimeError("the disk is gone")
    with pytest.raises(RuntimeError, match="the disk is gone"):
        use(residency, model)

    model.fault = None
    use(residency, model)

    assert model.loads == 2


def test_requests_that_wait_when_the_process_stops_fail():
    residency, first, second = make_residency(2), Offer("a"), Offer("b")
    first.gate = threading.Event()
    running = residency.hold(first)
    wait_until(lambda: first.loads)
    waiting = residency.hold(second)

    residency.close()
    first.gate.set()

    with pytest.raises(UnavailableError):
        waiting.loaded.result(60)
    assert running.loaded.result(60).spec.id == "a"
    with pytest.raises(UnavailableError):
        residency.hold(Offer("c"))


def test_tenants_whose_models_wait_take_turns():
    order: list[str] = []

    class Noted(Offer):
        def load(self, *, device: str, dtype: str) -> LoadedModel:
            order.append(self.spec.id)
            return super().load(device=device, dtype=dtype)

    residency, models = make_residency(9), {name: Noted(name) for name in ("a1", "a2", "a3", "a4", "b1")}
    models["a1"].gate = threading.Event()
    holds = [residency.hold(models["a1"], tenant="a")]
    wait_until(lambda: order)
    holds += [residency.hold(model, tenant=name[0]) for name, model in models.items()]

    models["a1"].gate.set()
    for hold in holds:
        hold.loaded.result(60)

    assert order == ["a1", "a2", "b1", "a3", "a4"]


def test_a_model_that_nobody_waits_for_any_more_is_not_loaded():
    residency, first, gone, last = make_residency(3), Offer("a"), Offer("b"), Offer("c")
    first.gate = threading.Event()
    holds = [residency.hold(first)]
    wait_until(lambda: first.loads)
    holds += [residency.hold(model) for model in (gone, last)]

    holds[1].release()
    first.gate.set()
    holds[2].loaded.result(60)

    assert (gone.loads, last.loads) == (0, 1)
    use(residency, gone)
    assert gone.loads == 1


class Large(Offer):
    """148 MB of weights, written to, so that they are really there."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._spec = replace(self._spec, parameter_count=37 * 10**6)

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        config = LlamaConfig(
            vocab_size=16_000, hidden_size=1024, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
        )
        with torch.device("meta"):
            module = LlamaForCausalLM(config)
        module = module.to_empty(device="cpu")
        for parameter in module.parameters():
            parameter.data.fill_(0.01)
        return LoadedModel(spec=self.spec, module=module.eval().requires_grad_(False), tokenizer=tokenizer())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's accounts")
def test_the_memory_of_an_unloaded_model_comes_back():
    residency = make_residency(1, budget=MemoryBudget(byte_size=200 * 10**6))
    use(residency, Large("a"))
    with_one = resident_bytes()

    use(residency, Large("b"), Large("c"), Large("d"))

    (left,) = residency.residents()
    assert left.byte_size > 140 * 10**6
    assert resident_bytes() < with_one + 0.2 * left.byte_size


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
