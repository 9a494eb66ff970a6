"""Streamed answers that can be closed early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from foreword.inference.interfaces import Piece


async def closable(pieces: AsyncIterator[Piece]) -> AsyncGenerator[Piece, None]:
    """Yield the pieces from a generator that can be closed; closing it early cancels the request in the engine."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
