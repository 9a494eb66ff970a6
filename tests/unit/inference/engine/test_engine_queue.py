"""The queue of the engine: the order of requests, and those that it refuses."""

from __future__ import annotations

import asyncio
from typing import Any

from factories.serving import (
    LONG,
    HeldBaseModel,
    answer,
    paused,
    queued,
    running_engine,
    settled,
)
from foreword.domain.inference import LengthPenalty
from foreword.errors import (
    ExhaustedError,
)
from foreword.inference.decoding.decode_batch import DecodeBatch


async def test_a_full_queue_refuses_requests_and_recovers():
    async with running_engine(max_batch_rows=1, max_queued_tokens=300) as engine:
        await engine.preload("tiny--bart")
        found = await asyncio.gather(
            *(answer(engine, f"Story {number}", parameters=LONG) for number in range(10)), return_exceptions=True
        )
        await settled(engine)
        text, _ = await answer(engine, "And now")
    refused = [item for item in found if isinstance(item, ExhaustedError)]
    assert refused
    assert all(item.retry_after.total_seconds() > 0 for item in refused)
    assert len(refused) < 10
    assert all(isinstance(item, ExhaustedError | tuple) for item in found)
    assert text


async def test_one_tenants_counting_fills_only_its_own_share_of_the_queue():
    held = HeldBaseModel()
    async with running_engine(held, max_queued_tokens=1000) as engine:
        text = "word " * 600
        greedy = [asyncio.create_task(engine.tokenize("greedy", "tiny--bart", text)) for _ in range(4)]
        modest = asyncio.create_task(answer(engine, "Hello", tenant="modest"))
        for _ in range(2):
            await asyncio.sleep(0)
        refused = [task for task in greedy if task.done()]
        held.released.set()
        found = await asyncio.gather(*greedy, modest, return_exceptions=True)
        await settled(engine)
    assert len(refused) == 3
    assert [type(item) for item in found[1:4]] == [ExhaustedError] * 3
    assert len(found[0].ids) == 603
    assert not isinstance(found[4], BaseException)


async def test_other_tenants_do_not_wait_for_all_of_one_tenants_backlog():
    async with running_engine(max_batch_rows=2) as engine:
        await engine.preload("tiny--bart")
        order: list[str] = []

        async def ask(tenant: str) -> None:
            await answer(engine, "Hello", tenant=tenant, stream=False, parameters={"min_new_tokens": 12})
            order.append(tenant)

        backlog = [asyncio.create_task(ask("greedy")) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(*backlog, *(ask("modest") for _ in range(2)))
    assert max(place for place, tenant in enumerate(order) if tenant == "modest") < 12


async def test_an_answer_that_ends_early_counts_with_what_it_generated():
    early = {"max_new_tokens": 100, "length_penalty": LengthPenalty(decay_factor=10.0, start_index=4)}
    exact = {"max_new_tokens": 6, "min_new_tokens": 6}
    async with running_engine(max_batch_rows=2, max_queued_tokens=10**6) as engine:
        await engine.preload("tiny--bart")
        order: list[str] = []

        async def ask(tenant: str, parameters: dict[str, Any]) -> None:
            await answer(engine, "Story of you", tenant=tenant, stream=False, parameters=parameters)
            order.append(tenant)

        async with paused(engine):
            asked = [asyncio.create_task(ask("early", early)) for _ in range(10)]
            asked += [asyncio.create_task(ask("exact", exact)) for _ in range(10)]
            await queued(engine, len(asked))
        await asyncio.gather(*asked)
    assert order[:10].count("early") in (4, 5, 6)


async def test_the_inputs_not_the_maximum_answers_limit_how_many_answers_run_together(monkeypatch):
    rows: list[int] = []
    step = DecodeBatch.step

    def counted(self):
        rows.append(len(self))
        return step(self)

    monkeypatch.setattr(DecodeBatch, "step", counted)
    short = {"max_new_tokens": 100, "length_penalty": LengthPenalty(decay_factor=10.0, start_index=4)}
    async with running_engine(max_queued_tokens=10**6, max_batch_rows=32, prefill_tokens=160) as engine:
        async with paused(engine):
            asked = [
                asyncio.create_task(answer(engine, "Story of you", stream=False, parameters=short)) for _ in range(128)
            ]
            await queued(engine, len(asked))
        usage = [final.usage for _, final in await asyncio.gather(*asked)]
    assert {(item.input_tokens, item.generated_tokens) for item in usage} == {(5, 6)}
    assert rows == [32] * 4 * 5, "the first token comes with the input, each other one takes a step"
