"""Several base models in one engine."""

from __future__ import annotations

import asyncio
import threading

import pytest

from factories.serving import (
    Adapters,
    TinyBaseModel,
    answer,
    make_request,
    prompt_vectors,
    queued,
    running_engine,
    settled,
)
from factories.waiting import eventually
from foreword.errors import (
    ExhaustedError,
    InternalError,
)
from foreword.inference.engine.engine import InferenceEngine
from foreword.inference.engine.model_scheduler import ModelScheduler
from foreword.inference.engine.thread import EngineThread
from foreword.inference.residency.memory_budget import MemoryBudget


async def test_a_base_model_is_loaded_once_on_first_use_and_several_can_be_served():
    bart, llama = TinyBaseModel("bart"), TinyBaseModel("llama")
    async with running_engine(bart, llama) as engine:
        assert (bart.loads, llama.loads) == (0, 0)
        await asyncio.gather(*(answer(engine, "Hello", base_model=name) for name in ("tiny--bart", "tiny--llama") * 4))
        await engine.preload("tiny--bart")
    assert (bart.loads, llama.loads) == (1, 1)


def _room_for(*models: TinyBaseModel) -> MemoryBudget:
    """Return a budget for these models and hardly more."""
    return MemoryBudget(byte_size=int(1.1 * 4 * sum(model.spec.parameter_count for model in models)), strict=True)


async def test_two_models_share_the_memory_of_one_and_answer_as_they_do_alone():
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    async with running_engine(bart, t5) as roomy:
        alone = {name: (await answer(roomy, "Hello", base_model=name))[0] for name in ("tiny--bart", "tiny--t5")}
    adapters = Adapters()
    reference = adapters.add("a", prompt_vectors(3))

    async with running_engine(bart, t5, adapters=adapters, base_model_budget=_room_for(bart)) as engine:
        for name in ("tiny--bart", "tiny--t5", "tiny--bart"):
            await _when_there_is_room(engine, name)
            assert (await answer(engine, "Hello", base_model=name))[0] == alone[name]
            if name == "tiny--bart":
                await answer(engine, "Hello", adapter=reference)

    assert bart.loads == 3  # with the one of the roomy engine
    assert adapters.reads == 2, "the prompts of an unloaded model leave memory with it"


async def test_a_model_that_answers_is_not_unloaded_for_another():
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    async with running_engine(bart, t5, base_model_budget=_room_for(bart)) as engine:
        running = engine.generate(make_request("Hello", parameters={"max_new_tokens": 60, "min_new_tokens": 60}))
        await anext(running)

        with pytest.raises(ExhaustedError) as raised:
            await answer(engine, "Hello", base_model="tiny--t5")
        assert raised.value.reason == "BASE_MODELS_BUSY"
        rest = [piece async for piece in running]

        assert rest[-1].final is not None
        await _when_there_is_room(engine, "tiny--t5")
        assert (await answer(engine, "Hello", base_model="tiny--t5"))[1] is not None


async def test_the_rest_of_a_cancelled_request_is_dropped_with_its_model():
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    async with running_engine(bart, t5, base_model_budget=_room_for(bart)) as engine:
        running = engine.generate(make_request("Hello", parameters={"max_new_tokens": 60, "min_new_tokens": 60}))
        await anext(running)
        await running.aclose()

        await _when_there_is_room(engine, "tiny--t5")
        await settled(engine)

        assert [scheduler.runner.model.spec.id for scheduler in engine.schedulers] == ["tiny--t5"]


async def test_a_request_cancelled_while_its_model_is_about_to_be_unloaded_is_no_longer_counted(monkeypatch):
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    take_in, call = EngineThread._take_in, EngineThread.call
    held, released, dropping = threading.Event(), threading.Event(), threading.Event()

    def holding(self):
        take_in(self)
        if not held.is_set() and self.schedulers:
            held.set()
            assert released.wait(60)

    def noted(self, work):
        outcome = call(self, work)
        dropping.set()
        return outcome

    async with running_engine(bart, t5, base_model_budget=_room_for(bart)) as engine:
        await engine.preload("tiny--bart")
        monkeypatch.setattr(EngineThread, "_take_in", holding)
        monkeypatch.setattr(EngineThread, "call", noted)
        turning = asyncio.create_task(answer(engine, "Begins a turn"))
        assert await asyncio.to_thread(held.wait, 60)
        late = asyncio.create_task(answer(engine, "Comes in the middle of it"))
        await queued(engine, 2)
        for task in (turning, late):
            task.cancel()
        await asyncio.gather(turning, late, return_exceptions=True)
        loading = asyncio.create_task(_when_there_is_room(engine, "tiny--t5"))
        assert await asyncio.to_thread(dropping.wait, 60)
        released.set()
        await loading
        await settled(engine)


async def test_a_model_is_unloaded_even_if_a_turn_crashes_meanwhile(monkeypatch):
    bart, llama, t5 = TinyBaseModel("bart"), TinyBaseModel("llama"), TinyBaseModel("t5")
    turn, call = ModelScheduler.turn, EngineThread.call
    dropping, crashed = threading.Event(), threading.Event()

    def noted(self, work):
        outcome = call(self, work)
        dropping.set()
        return outcome

    def crashing(self):
        if not crashed.is_set():
            crashed.set()
            assert dropping.wait(60)
            raise RuntimeError("crash")
        turn(self)

    async with running_engine(bart, llama, t5, base_model_budget=_room_for(bart, llama)) as engine:
        await engine.preload("tiny--bart")
        await engine.preload("tiny--llama")
        monkeypatch.setattr(EngineThread, "call", noted)
        monkeypatch.setattr(ModelScheduler, "turn", crashing)
        running = asyncio.create_task(answer(engine, "Hello", base_model="tiny--llama"))
        await _when_there_is_room(engine, "tiny--t5")
        with pytest.raises(InternalError):
            await running
        assert [scheduler.runner.model.spec.id for scheduler in engine.schedulers] == ["tiny--llama", "tiny--t5"]
        await settled(engine)


async def _when_there_is_room(engine: InferenceEngine, base_model: str) -> None:
    """Load a model, and retry while the others stay for a moment."""

    async def fits() -> bool:
        try:
            await engine.preload(base_model)
        except ExhaustedError:
            return False
        return True

    await eventually(fits)
