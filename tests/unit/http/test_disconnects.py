"""Merged streams, and work that ends with its caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from foreword.errors import CancelledError
from foreword.http.disconnects import merged, unless_gone
from foreword.http.errors import CallerGoneError


class Counted:
    """A stream that counts what was read from it."""

    def __init__(self, length: int, fault: Exception | None = None) -> None:
        self.read = 0
        self.closed = False
        self._length = length
        self._fault = fault

    async def items(self) -> AsyncGenerator[int]:
        try:
            for number in range(self._length):
                await asyncio.sleep(0)
                self.read += 1
                yield number
            if self._fault is not None:
                raise self._fault
        finally:
            self.closed = True


@pytest.mark.parametrize("count", [1, 3])
async def test_every_item_arrives_in_order_with_the_place_of_its_stream(count: int):
    streams = [Counted(5) for _ in range(count)]

    found = [item async for item in merged([stream.items() for stream in streams])]

    assert sorted(found) == [(place, number) for place in range(count) for number in range(5)]
    assert all([number for at, number in found if at == place] == list(range(5)) for place in range(count))


async def test_a_slow_reader_holds_one_item_of_each_stream():
    streams = [Counted(1_000) for _ in range(3)]

    async with aclosing(merged([stream.items() for stream in streams])) as items:
        async for _ in items:
            await asyncio.sleep(0.05)
            break

    assert all(stream.read <= 3 for stream in streams)
    assert all(stream.closed for stream in streams)


async def test_an_error_of_one_stream_ends_all():
    streams = [Counted(10_000), Counted(2, ValueError("broken"))]

    with pytest.raises(ValueError, match="broken"):
        async for _ in merged([stream.items() for stream in streams]):
            pass

    assert all(stream.closed for stream in streams)


async def test_work_is_cancelled_when_its_caller_has_gone():
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    with pytest.raises(CallerGoneError):
        await unless_gone(receive, work())
    assert ended.is_set()


async def test_work_that_something_else_cancels_is_not_taken_for_a_caller_that_has_gone():
    async def work() -> None:
        raise asyncio.CancelledError

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(CancelledError) as caught:
        await unless_gone(receive, work())
    assert not isinstance(caught.value, CallerGoneError)


async def test_a_caller_of_the_work_that_is_cancelled_stays_cancelled():
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    outer = asyncio.create_task(unless_gone(receive, stubborn()))
    await asyncio.sleep(0.01)
    outer.cancel()
    await asyncio.sleep(0.01)
    outer.cancel()

    with pytest.raises(asyncio.CancelledError):
        await outer
    assert outer.cancelled()
