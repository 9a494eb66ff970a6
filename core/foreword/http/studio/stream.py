"""Streams of HTML: parts of a page that replace each other as things change."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

from foreword.errors import UnavailableError
from foreword.http.event_stream import PacedResponse
from foreword.http.studio.protection import HEADERS

Part = TypeVar("Part")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class HtmlStream(PacedResponse):
    """Server-sent events with HTML, each with an id that the browser sends when it connects again.

    An error cuts the stream off, and the browser connects again. The last event is named `end`, so that it does not.

    Args:
        parts: Ids and HTML. The generator is closed when the browser has gone.
    """

    def __init__(self, parts: AsyncGenerator[tuple[int, str]]) -> None:
        super().__init__(_events(parts), "text/event-stream", headers={"x-accel-buffering": "no"} | HEADERS)


async def until_stopped(parts: AsyncGenerator[Part], stopping: asyncio.Event) -> AsyncGenerator[Part]:
    """Yield the parts of a page that only watches, until this process begins to stop: it would wait for them.

    Raises:
        UnavailableError: The process stops. The browser connects again, to the next one.
    """

    async def following() -> Part:
        return await anext(parts)

    stopped = asyncio.ensure_future(stopping.wait())
    async with aclosing(parts):
        try:
            while True:
                coming = asyncio.ensure_future(following())
                try:
                    await asyncio.wait((coming, stopped), return_when=asyncio.FIRST_COMPLETED)
                    if not coming.done():
                        raise UnavailableError("The studio is being stopped. Pages connect again by themselves.")
                    part = coming.result()
                except StopAsyncIteration:
                    return
                finally:
                    coming.cancel()
                    await asyncio.wait((coming,))
                yield part
        finally:
            stopped.cancel()


async def _events(parts: AsyncGenerator[tuple[int, str]]) -> AsyncGenerator[bytes]:
    async with aclosing(parts):
        async for id, html in parts:
            yield f"id: {id}\n{_data(html)}\n\n".encode()
    yield b"event: end\ndata: end\n\n"


def _data(html: str) -> str:
    # Not `splitlines`, which also splits at separators that are part of a text here.
    return "\n".join(f"data: {line}" for line in _LINE_END.split(html))
