"""Callers that leave, deadlines, time limits, and an engine that goes down."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from factories.serving import (
    LONG,
    SENTIMENT,
    Adapters,
    answer,
    make_request,
    running_engine,
    settled,
)
from foreword.domain.inference import StopReason
from foreword.errors import (
    DeadlineExceededError,
    UnavailableError,
)


async def test_a_caller_that_leaves_frees_its_row():
    async with running_engine(max_batch_rows=1) as engine:
        pieces = engine.generate(make_request("Long story", parameters=LONG))
        await anext(pieces)
        assert engine.load().running_rows == 1
        await pieces.aclose()
        await asyncio.wait_for(answer(engine, "Next please"), 5)
        await settled(engine)


async def test_a_task_that_is_cancelled_is_dropped_from_the_queue():
    async with running_engine(max_batch_rows=1) as engine:
        first = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(answer(engine, "Waiting", parameters=LONG))
        await asyncio.sleep(0.02)
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
        with pytest.raises(DeadlineExceededError):
            await answer(engine, "Too slow", stream=False, deadline=time.monotonic() + 0.05, **slow)

        whole, _ = await answer(engine, "A story", **slow)
        pieces = engine.generate(make_request("A story", deadline=time.monotonic() + 0.08, **slow))
        text, final = "", None
        async for piece in pieces:
            text += piece.text
            final = piece.final
        await settled(engine)
    assert final.stop_reason is StopReason.TIME_LIMIT
    assert final.text == text
    assert whole.startswith(text)
    assert 0 < final.usage.generated_tokens < 120


async def test_a_deadline_is_read_while_a_request_waits():
    async with running_engine(max_batch_rows=1) as engine:
        await engine.preload("tiny--bart")
        first = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0.02)
        with pytest.raises(DeadlineExceededError):
            await answer(engine, "Waiting", deadline=time.monotonic() + 0.03)
        assert not first.done()
        await first


async def test_a_time_limit_ends_an_answer_with_what_is_there():
    slow = {"max_new_tokens": 120, "min_new_tokens": 120}
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        whole, _ = await answer(engine, "A story", parameters=slow)
        found = [
            await answer(
                engine, "A story", stream=stream, parameters={**slow, "time_limit": timedelta(milliseconds=60)}
            )
            for stream in (True, False)
        ]
        await settled(engine)
    for text, final in found:
        assert final.stop_reason is StopReason.TIME_LIMIT
        assert final.text == text
        assert whole.startswith(text)
        assert 0 < final.usage.generated_tokens < 120


async def test_a_time_limit_ends_a_request_that_waits_with_an_empty_answer():
    async with running_engine(max_batch_rows=1) as engine:
        await engine.preload("tiny--bart")
        first = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0.02)
        text, final = await answer(engine, "Waiting", parameters={"time_limit": timedelta(milliseconds=30)})
        assert not first.done()
        await first
        await settled(engine)
    assert text == ""
    assert final.stop_reason is StopReason.TIME_LIMIT
    assert final.usage.generated_tokens == 0


async def test_a_deadline_before_the_time_limit_is_an_error():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        with pytest.raises(DeadlineExceededError):
            await answer(
                engine,
                "Too slow",
                stream=False,
                deadline=time.monotonic() + 0.05,
                parameters={**LONG, "time_limit": timedelta(minutes=1)},
            )


async def test_a_time_limit_has_no_effect_on_a_closed_task():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        limited = {"time_limit": timedelta(milliseconds=1)}
        text, final = await answer(engine, "Good", label_space=SENTIMENT, parameters=limited)
    assert text in ("0", "1")
    assert final.stop_reason is StopReason.EOS_TOKEN


async def test_draining_finishes_what_runs_and_refuses_what_is_new():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        running = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0.02)
        assert not await engine.drain(0)
        with pytest.raises(UnavailableError):
            await answer(engine, "New")
        assert await engine.drain(10)
        assert running.done() or (await running)


async def test_stopping_tells_those_who_wait():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        running = asyncio.create_task(answer(engine, "Long story", parameters={"max_new_tokens": 120, **LONG}))
        await asyncio.sleep(0.03)
        await asyncio.to_thread(engine.stop)
        with pytest.raises(UnavailableError):
            await running
        with pytest.raises(UnavailableError):
            await answer(engine, "New")
