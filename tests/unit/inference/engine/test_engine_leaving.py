"""Callers that leave, deadlines, time limits, and an engine that stops."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import pytest

from factories.engine_time import an_hour_passes, held_after
from factories.serving import (
    LONG,
    SENTIMENT,
    Adapters,
    answer,
    make_request,
    paused,
    prompt_vectors,
    queued,
    running_engine,
    settled,
)
from factories.waiting import eventually
from foreword.domain.inference import StopReason
from foreword.errors import (
    DeadlineExceededError,
    UnavailableError,
)
from foreword.inference.engine.engine import InferenceEngine
from foreword.inference.interfaces import AdapterReference


def in_a_minute() -> float:
    return time.monotonic() + 60


async def one_behind_the_other(engine: InferenceEngine, **fields: object) -> tuple[asyncio.Task, asyncio.Task]:
    """Start a long answer, and a request with these fields that waits for its place."""
    async with paused(engine):
        first = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await queued(engine, 1)
        second = asyncio.create_task(answer(engine, "Waiting", **fields))
        await queued(engine, 2)
    return first, second


async def order_of_ends(*tasks: asyncio.Task) -> list[asyncio.Task]:
    """Return the tasks in the order in which they end."""
    ended: list[asyncio.Task] = []
    for task in tasks:
        task.add_done_callback(ended.append)
    await asyncio.wait(tasks)
    return ended


async def going_down(engine: InferenceEngine) -> None:
    """Wait until the engine's thread was asked to stop."""
    await eventually(lambda: engine._thread._stopping)


async def test_a_caller_that_leaves_frees_its_row():
    async with running_engine(max_batch_rows=1) as engine:
        with held_after(20):
            pieces = engine.generate(make_request("Long story", parameters=LONG))
            await anext(pieces)
            assert engine.load().running_rows == 1
            await pieces.aclose()
        await asyncio.wait_for(answer(engine, "Next please"), 60)
        await settled(engine)


async def test_a_task_that_is_cancelled_is_dropped_from_the_queue():
    async with running_engine(max_batch_rows=1) as engine:
        await engine.preload("tiny--bart")
        first, second = await one_behind_the_other(engine, parameters=LONG)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await first
        await settled(engine)


async def test_a_deadline_is_an_error_before_any_text_and_an_end_after_it():
    adapters = Adapters()
    async with running_engine(adapters=adapters) as engine:
        await engine.preload("tiny--bart")
        slow = {"parameters": {"max_new_tokens": 120, "min_new_tokens": 120}}
        with pytest.raises(DeadlineExceededError):
            await answer(engine, "Too late", deadline=time.monotonic() - 1)
        with pytest.raises(DeadlineExceededError), an_hour_passes(after=5):
            await answer(engine, "Too slow", stream=False, deadline=in_a_minute(), **slow)

        whole, _ = await answer(engine, "A story", **slow)
        with an_hour_passes(after=5):
            text, final = await answer(engine, "A story", deadline=in_a_minute(), **slow)
            await settled(engine)
    assert final.stop_reason is StopReason.TIME_LIMIT
    assert final.text == text
    assert whole.startswith(text)
    assert 0 < final.usage.generated_tokens < 120


async def test_a_deadline_is_read_while_a_request_waits():
    async with running_engine(max_batch_rows=1) as engine:
        await engine.preload("tiny--bart")
        with an_hour_passes(after=5):
            first, second = await one_behind_the_other(engine, deadline=in_a_minute())
            ended = await order_of_ends(first, second)
        assert ended == [second, first]
        with pytest.raises(DeadlineExceededError):
            await second
        await first


async def test_a_time_limit_ends_an_answer_with_the_text_so_far():
    slow = {"max_new_tokens": 120, "min_new_tokens": 120}
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        whole, _ = await answer(engine, "A story", parameters=slow)
        found = []
        for stream in (True, False):
            with an_hour_passes(after=5):
                limited = {**slow, "time_limit": timedelta(minutes=1)}
                found.append(await answer(engine, "A story", stream=stream, parameters=limited))
                await settled(engine)
    for text, final in found:
        assert final.stop_reason is StopReason.TIME_LIMIT
        assert final.text == text
        assert whole.startswith(text)
        assert 0 < final.usage.generated_tokens < 120


async def test_a_time_limit_ends_a_request_that_waits_with_an_empty_answer():
    async with running_engine(max_batch_rows=1) as engine:
        await engine.preload("tiny--bart")
        with an_hour_passes(after=5):
            first, second = await one_behind_the_other(engine, parameters={"time_limit": timedelta(minutes=1)})
            ended = await order_of_ends(first, second)
        assert ended == [second, first]
        text, final = await second
        await first
        await settled(engine)
    assert text == ""
    assert final.stop_reason is StopReason.TIME_LIMIT
    assert final.usage.generated_tokens == 0


async def test_a_deadline_before_the_time_limit_is_an_error():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        with pytest.raises(DeadlineExceededError), an_hour_passes(after=5):
            await answer(
                engine,
                "Too slow",
                stream=False,
                deadline=in_a_minute(),
                parameters={**LONG, "time_limit": timedelta(days=1)},
            )


async def test_a_time_limit_has_no_effect_on_a_closed_task():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        limited = {"time_limit": timedelta(milliseconds=1)}
        text, final = await answer(engine, "Good", label_space=SENTIMENT, parameters=limited)
    assert text in ("0", "1")
    assert final.stop_reason is StopReason.EOS_TOKEN


async def test_draining_finishes_running_requests_and_refuses_new_ones():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        running = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0)  # a request counts from its first moment
        assert not await engine.drain(0)
        with pytest.raises(UnavailableError):
            await answer(engine, "New")
        assert await engine.drain(60)
        assert running.done() or (await running)


async def test_stopping_fails_waiting_requests():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        with held_after(3) as (held, released):
            running = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
            assert await asyncio.to_thread(held.wait, 60)
            stopping = asyncio.create_task(asyncio.to_thread(engine.stop))
            await going_down(engine)
            released.set()
            await stopping
        with pytest.raises(UnavailableError):
            await running
        with pytest.raises(UnavailableError):
            await answer(engine, "New")


async def test_an_adapter_whose_read_hangs_keeps_no_other_request_of_its_tenant_waiting():
    released = threading.Event()

    class Hanging(Adapters):
        def read(self, reference: AdapterReference) -> tuple[dict[str, object], bytes]:
            if reference.artifact == "hangs":
                released.wait(60)
            return super().read(reference)

    adapters = Hanging()
    hangs, cold = (adapters.add(name, prompt_vectors(4, seed=seed)) for seed, name in enumerate(("hangs", "cold")))
    async with running_engine(adapters=adapters) as engine:
        waiting = [asyncio.create_task(answer(engine, "x", adapter=hangs)) for _ in range(20)]
        await asyncio.sleep(0.1)
        for task in waiting[:10]:
            task.cancel()

        async with asyncio.timeout(60):
            await answer(engine, "x", adapter=cold)
            await answer(engine, "x")
        released.set()
        await asyncio.gather(*waiting[10:])

    assert adapters.reads == 2
