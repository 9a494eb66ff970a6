"""Streams of pages that only watch, while the process stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from foreword.errors import UnavailableError
from foreword.http.studio.stream import until_stopped


async def test_a_page_that_waits_is_told_at_once_that_the_process_stops() -> None:
    stopping, closed = asyncio.Event(), []

    async def parts() -> AsyncGenerator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    watched = until_stopped(parts(), stopping)
    assert await anext(watched) == 1
    stopping.set()
    with pytest.raises(UnavailableError):
        await anext(watched)
    assert closed == [True]


async def test_a_stream_that_ends_ends() -> None:
    async def parts() -> AsyncGenerator[int]:
        yield 1
        yield 2

    assert [part async for part in until_stopped(parts(), asyncio.Event())] == [1, 2]
