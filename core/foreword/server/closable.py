"""Answers in pieces that can be left early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from foreword.inference.interfaces import Piece


async def closable(pieces: AsyncIterator[Piece]) -> AsyncGenerator[Piece, None]:
    """The pieces, from something that can be closed: leaving it early cancels the request in the engine."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
