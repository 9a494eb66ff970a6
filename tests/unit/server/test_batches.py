"""The requests of a batch, each with its own result."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from factories.logs import captured_logs
from factories.waiting import eventually
from foreword.errors import ExhaustedError, InternalError, NotFoundError
from foreword.server.inference.batches import settled, with_patience


async def fine() -> str:
    await asyncio.sleep(0.01)
    return "fine"


async def test_an_unexpected_error_is_logged_and_does_not_affect_other_requests():
    async def broken() -> str:
        raise RuntimeError("inner workings")

    with captured_logs() as logs:
        first, fault, last = await settled([fine, broken, fine], limit=3)

    assert (first, last) == ("fine", "fine")
    assert isinstance(fault, InternalError)
    assert "inner workings" not in fault.message
    (entry,) = logs
    assert (entry["event"], entry["error_id"], entry["exc_info"]) == ("request_failed", fault.error_id, True)


async def test_an_error_raised_on_purpose_stays_as_it_is():
    async def missing() -> str:
        raise NotFoundError.of("tenants/x")

    first, error = await settled([fine, missing], limit=1)

    assert first == "fine"
    assert isinstance(error, NotFoundError)


async def test_cancelling_a_batch_cancels_what_is_under_way():
    begun, cancelled = [], []

    async def endless() -> str:
        begun.append(True)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return "never"

    batch = asyncio.create_task(settled([endless, endless, endless], limit=2))
    await eventually(lambda: len(begun) == 2)
    batch.cancel()

    with pytest.raises(asyncio.CancelledError):
        await batch
    assert cancelled == [True, True]


class Crowded:
    """A call that is rejected the first few times."""

    def __init__(self, refusals: int, *, retry_seconds: float) -> None:
        self.calls: list[float] = []
        self._refusals = refusals
        self._retry_after = timedelta(seconds=retry_seconds)

    async def __call__(self) -> str:
        self.calls.append(time.monotonic())
        if len(self.calls) <= self._refusals:
            raise ExhaustedError("Full.", retry_after=self._retry_after)
        return "fine"


@pytest.mark.parametrize("seconds", [5.0, None])
async def test_a_request_that_finds_no_room_waits_for_the_suggested_time(seconds: float | None):
    crowded = Crowded(2, retry_seconds=0.05)

    assert await with_patience(crowded, deadline=seconds and time.monotonic() + seconds) == "fine"

    first, second, third = crowded.calls
    assert min(second - first, third - second) >= 0.04


async def test_a_request_that_finds_no_room_fails_before_the_deadline():
    crowded = Crowded(100, retry_seconds=0.05)
    deadline = time.monotonic() + 1

    with pytest.raises(ExhaustedError):
        await with_patience(crowded, deadline=deadline)

    assert time.monotonic() < deadline + 20
    assert len(crowded.calls) > 1
