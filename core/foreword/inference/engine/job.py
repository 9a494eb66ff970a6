"""A request on its way through the engine, and the answers that its caller receives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from foreword.domain.inference import Classification, TokenUsage
from foreword.errors import ForewordError
from foreword.inference.decoding.rows import DecodedText
from foreword.inference.interfaces import EngineRequest, Piece
from foreword.inference.labels.candidates import Candidates
from foreword.inference.model.loaded_adapter import LoadedAdapter

Answer = Piece | Classification | ForewordError
"""A piece for the caller, or an error to raise there."""


@dataclass(eq=False, slots=True, kw_only=True)
class Job:
    """A request on its way through the engine. The engine's thread owns it, but for `cancelled` and `answers`.

    Attributes:
        loop: Event loop of the caller.
        answers: What the caller awaits; filled on its loop only.
        tokens: What it costs: input, and what may be generated or is to be scored.
        ends_at: Reading of `time.monotonic()` when the answer ends as it is; None for no time limit.
        candidates: Answers of a closed task; None for free text.
        labels: Whether the caller wants labels instead of text.
        shown: Whether the caller has text already.
        decoded: The finished answer as tokens, there before the last piece is delivered.
    """

    request: EngineRequest
    loop: asyncio.AbstractEventLoop
    answers: asyncio.Queue[Answer]
    ids: Sequence[int]
    adapter: LoadedAdapter | None
    tokens: int
    ends_at: float | None = None
    candidates: Candidates | None = None
    labels: bool = False
    cancelled: bool = False
    shown: bool = False
    decoded: DecodedText | None = None

    @property
    def first_tokens(self) -> int:
        """Tokens that are read at once when the job is begun; those of free text are then generated one by one."""
        if self.candidates is not None:
            return self.tokens
        return len(self.ids) + (self.adapter.length if self.adapter else 0)

    def usage(self, generated_tokens: int) -> TokenUsage:
        """Count the tokens of the request."""
        return TokenUsage(
            input_tokens=len(self.ids),
            generated_tokens=generated_tokens,
            soft_prompt_tokens=self.adapter.length if self.adapter else 0,
        )

    def expired(self, now: float) -> bool:
        """Return whether the caller no longer waits for the answer."""
        return self.cancelled or (self.request.deadline is not None and now >= self.request.deadline)

    def ended(self, now: float) -> bool:
        """Return whether the time limit has passed."""
        return self.ends_at is not None and now >= self.ends_at
