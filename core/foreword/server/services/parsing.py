"""Parsing of requests that can hold long texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from foreword.server.callers.auth import current_caller
from foreword.server.calls.call_record import current_record
from foreword.server.calls.pools import BEGIN_SECONDS
from foreword.turns.turn_pool import TurnPool

Request = TypeVar("Request")
Parsed = TypeVar("Parsed")

_SMALL_BYTES: Final = 32 * 1024
"""Size of requests that are parsed on the event loop, which takes about a millisecond. Variables in a longest prompt
take a few hundred."""


async def parsed(
    threads: TurnPool, parse: Callable[[Request], Parsed], request: Request, size: int | None = None
) -> Parsed:
    """Parse a request, a large one in a thread so that other requests go on meanwhile.

    Args:
        threads: Runs the parsing, in the turn of the caller's tenant.
        size: Size of the request in bytes; None for that of the message of the RPC.
    """
    size = current_record().request_bytes if size is None else size
    if size <= _SMALL_BYTES:
        return parse(request)
    return await threads.run(current_caller().tenant, BEGIN_SECONDS, parse, request)
