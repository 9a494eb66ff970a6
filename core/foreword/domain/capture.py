"""Captured requests: a sample of what a deployment was asked and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DEFAULT_RETENTION_DAYS: Final = 30
MAX_RETENTION_DAYS: Final = 3650
DEFAULT_MAX_REQUESTS: Final = 10_000
MAX_MAX_REQUESTS: Final = 100_000
MAX_CAPTURED_CHARACTERS: Final = 100_000
"""Maximum length of the texts of a request that is captured. A cut text would be no example of anything."""
MAX_REQUEST_ID: Final = 160
"""Maximum length of the id of an answer: that of `x-request-id`, and the place in a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePolicy:
    """Which requests of a deployment are captured, and how long they are kept.

    Attributes:
        share: Share of the requests. Range [0, 1]; 0 captures none.
        retention_days: Days after which a captured request is deleted. Range [1, 3650].
        max_requests: Maximum number of requests that are kept; the oldest without feedback make room. Range
            [1, 100,000].
    """

    share: float = 0.0
    retention_days: int = DEFAULT_RETENTION_DAYS
    max_requests: int = DEFAULT_MAX_REQUESTS

    @property
    def retention(self) -> timedelta:
        """Time after which a captured request is deleted."""
        return timedelta(days=self.retention_days)


CAPTURES_NOTHING: Final = CapturePolicy()
"""The policy of a deployment for which none was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """A request as the server has seen it.

    Attributes:
        request_id: Id of the answer.
        revision: Number of the revision that answered.
        model: Resource name of the model that answered.
        input: The whole prompt, before the template of the model.
        output: The answer as text; for labels, all of the likeliest set, even if the answer abstained.
        labels: The labels of the answer, in canonical order; None for an answer that is any text.
        probability: Probability of the labels; None for text.
        threshold: Probability that the labels had to reach; None if no probability would have sufficed, and for text.
        abstained: Whether the probability did not suffice; None for text.
    """

    request_id: str
    revision: int
    model: str
    input: str
    output: str
    labels: tuple[str, ...] | None = None
    probability: float | None = None
    threshold: float | None = None
    abstained: bool | None = None

    @property
    def character_count(self) -> int:
        """Length of its texts."""
        return len(self.input) + len(self.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedRequest:
    """A stored request. Its texts are redacted.

    Attributes:
        create_time: When it was stored.
    """

    seen: SeenRequest
    create_time: datetime
