"""A request on its way through the engine, and the answers that its caller receives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from foreword.domain.inference import Classification, TokenUsage
from foreword.errors import ForewordError
from foreword.inference.decoding.rows import DecodedText
from foreword.inference.interfaces import EngineRequest, Piece
from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.scoring import ScoreRow, Scoring
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
        scoring: The scoring of a closed task that was begun, and of others with it.
        place: Place of the job in `scoring`.
        waiting_tokens: Those of `tokens` that count as waiting still.
        labels: Whether the caller wants labels instead of text.
        shown: Whether the caller has text already.
        arrival: Reading of `time.monotonic()` when the request arrived.
        begin: Reading of that clock when the job was first taken into a batch; None before.
        first_token: Likewise when its first token was generated.
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
    scoring: Scoring | None = None
    place: int = 0
    waiting_tokens: int = field(init=False)
    labels: bool = False
    cancelled: bool = False
    shown: bool = False
    arrival: float = field(default_factory=time.monotonic)
    begin: float | None = None
    first_token: float | None = None
    decoded: DecodedText | None = None

    def __post_init__(self) -> None:
        self.waiting_tokens = self.tokens

    @property
    def score_row(self) -> ScoreRow:
        """The job of a closed task, as the input whose answers are scored."""
        assert self.candidates is not None
        return ScoreRow(ids=self.ids, candidates=self.candidates, adapter=self.adapter)

    @property
    def next_tokens(self) -> int:
        """Number of tokens that are read at once when the job is taken: the input, or one pass over candidates.

        Free text is generated token by token after that.
        """
        if self.scoring is not None:
            return self.scoring.next_tokens(self.place)
        if self.candidates is not None:
            return self.score_row.first_tokens
        return len(self.ids) + (self.adapter.length if self.adapter else 0)

    @property
    def left_passes(self) -> int:
        """Number of passes over candidates that are left, as far as known."""
        if self.scoring is not None:
            return self.scoring.left_passes(self.place)
        return len(self.candidates.parts) if self.candidates is not None else 0

    @property
    def queue_seconds(self) -> float:
        """Time from the arrival until the job was first taken into a batch; 0 if it never was."""
        return 0.0 if self.begin is None else self.begin - self.arrival

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
