"""Captured requests as the client returns them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
