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
        max_requests: Maximum number of requests that are kept; the oldest make room, those without feedback first, then
            those with feedback, as long as these take more than half of the room. Range [1, 100,000].
    """

    share: float = 0.0
    retention_days: int = DEFAULT_RETENTION_DAYS
    max_requests: int = DEFAULT_MAX_REQUESTS

    @property
    def retention(self) -> timedelta:
        """Time after which a captured request is deleted."""
        return timedelta(days=self.retention_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureUsage:
    """How much of their room the captured requests of a deployment take.

    Attributes:
        request_count: Number of requests that are kept.
        byte_size: Bytes that they take.
        full: Whether `max_requests` are kept, or those of all deployments of the tenant take at least 95 % of their
            bytes. New requests then replace the oldest of the same deployment, or are not kept if it has too few.
    """

    request_count: int
    byte_size: int
    full: bool


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
class RightAnswer:
    """The right answer to a request: either labels, none of which may be right, or a text."""

    labels: tuple[str, ...] | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody says about the answer to a request.

    Attributes:
        right: The right answer; None if it is unknown.
        score: How good the answer is, in the caller's own measure. Range [0, 1]; None if that was not said.
        author: Id of the key, token or certificate that submitted it; empty for the development key.
        submit_time: When it was submitted; None before it is stored.
    """

    right: RightAnswer | None = None
    comment: str = ""
    score: float | None = None
    author: str = ""
    submit_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedRequest:
    """A stored request. Its texts are redacted.

    Attributes:
        seen: The request with its answer; of one that was not captured, only the id and the input are known.
        captured: Whether the request was captured. Otherwise its feedback has brought the input.
        create_time: When it was stored.
        feedback: What was said about the answer; None if nothing was.
        correct: Whether the answer was right; None if the answer or the right answer is unknown.
    """

    seen: SeenRequest
    captured: bool = True
    create_time: datetime
    feedback: Feedback | None = None
    correct: bool | None = None


def is_correct(seen: SeenRequest, right: RightAnswer | None) -> bool | None:
    """Return whether an answer is the right one: the same labels, or the same text; None if they cannot be compared."""
    if right is None:
        return None
    if right.labels is not None:
        return None if seen.labels is None else set(seen.labels) == set(right.labels)
    return None if right.output is None else seen.output.strip() == right.output.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureProvenance:
    """The captured requests that are the rows of a dataset.

    Attributes:
        deployment: Resource name of the deployment.
        filter: Condition that the requests met; empty for none.
        request_count: Number of requests that met it.
        unanswered_count: Number of those without a right answer, which a labelled dataset leaves out.
        repeated_count: Number of those with the same input as a newer one.
        revisions: Numbers of the revisions that had answered the rows, ascending; the newest 100.
        first_time: When the first of the rows was stored.
        last_time: When the last of the rows was stored.
    """

    deployment: str
    filter: str
    request_count: int
    unanswered_count: int
    repeated_count: int
    revisions: tuple[int, ...]
    first_time: datetime
    last_time: datetime
