"""Several base models in one engine."""

from __future__ import annotations

import asyncio

import pytest

from factories.serving import (
    Adapters,
    TinyBaseModel,
    answer,
    make_request,
    prompt_vectors,
    running_engine,
    settled,
)
from foreword.errors import (
    ExhaustedError,
)
from foreword.inference.engine import InferenceEngine
from foreword.inference.residency import MemoryBudget


async def test_a_base_model_is_loaded_once_on_first_use_and_several_can_be_served():
    bart, llama = TinyBaseModel("bart"), TinyBaseModel("llama")
    async with running_engine(bart, llama) as engine:
        assert (bart.loads, llama.loads) == (0, 0)
        await asyncio.gather(*(answer(engine, "Hello", base_model=name) for name in ("tiny--bart", "tiny--llama") * 4))
        await engine.preload("tiny--bart")
    assert (bart.loads, llama.loads) == (1, 1)


def _room_for(*models: TinyBaseModel) -> MemoryBudget:
    """A budget that holds these models and hardly more."""
    return MemoryBudget(byte_size=int(1.1 * 4 * sum(model.spec.parameter_count for model in models)), strict=True)


async def test_two_models_share_the_room_of_one_and_answer_as_they_do_alone():
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


async def test_what_was_left_of_a_cancelled_request_goes_with_its_model():
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    async with running_engine(bart, t5, base_model_budget=_room_for(bart)) as engine:
        running = engine.generate(make_request("Hello", parameters={"max_new_tokens": 60, "min_new_tokens": 60}))
        await anext(running)
        await running.aclose()

        await _when_there_is_room(engine, "tiny--t5")
        await settled(engine)

        assert [served.runner.model.spec.id for served in engine.served] == ["tiny--t5"]


async def _when_there_is_room(engine: InferenceEngine, base_model: str) -> None:
    """Loads a model, asking again while the others stay for a moment."""
    for _ in range(200):
        try:
            return await engine.preload(base_model)
        except ExhaustedError as error:
            await asyncio.sleep(min(0.1, error.retry_after.total_seconds()))
    raise AssertionError("there never was room")
