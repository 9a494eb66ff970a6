"""Captured requests, feedback and their datasets as the client returns them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody has said about the answer to a request. Texts are redacted.

    Attributes:
        right_labels: The right labels, empty if none is right; None if they were not given.
        right_output: The right text; None if it was not given.
        score: How good the answer is, in the caller's own measure. Range [0, 1].
        author: Id of the key, token or certificate that submitted it; empty for the development key.
        correct: Whether the answer was the right one; None if the answer or the right answer is unknown.
    """

    request_id: str
    right_labels: tuple[str, ...] | None
    right_output: str | None
    comment: str
    score: float | None
    author: str
    submit_time: datetime | None
    correct: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDeletion:
    """A deletion of captured requests.

    Attributes:
        deleted_count: Number of requests that were deleted.
        datasets: Names of datasets that may still hold some of them.
    """

    deleted_count: int
    datasets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedRequest:
    """A captured request of a deployment, with its answer. Texts are redacted.

    Attributes:
        request_id: Id of the request; of a batch, with `/` and the place in it, starting at 0.
        create_time: When it was stored.
        revision: Number of the revision that answered.
        model_version: The model that answered.
        input: The prompt as it was sent, before the template of the model.
        output: The generated text, or the likeliest label set as text, even if the answer abstained.
        labels: The labels of the answer; empty for an answer that is any text.
        probability: Probability of the labels; None for answers of `generate`.
        threshold: Probability that they had to reach; None if none would have sufficed, and for answers of `generate`.
        abstained: Whether the answer abstained; None for answers of `generate`.
        captured: Whether the request itself was captured. If not, there is only its feedback, with the input.
        feedback: What was said about the answer; None if nothing was.
    """

    request_id: str
    create_time: datetime | None
    revision: int
    model_version: str
    input: str
    output: str
    labels: tuple[str, ...]
    probability: float | None
    threshold: float | None
    abstained: bool | None
    captured: bool = True
    feedback: Feedback | None = None
