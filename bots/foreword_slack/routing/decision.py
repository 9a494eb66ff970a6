"""The decision on a complaint, and its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class ReasonCode(Enum):
    """A reason to leave a complaint to people."""

    ABSTAINED = "abstained"
    BELOW_THRESHOLD = "below_threshold"
    SMALL_MARGIN = "small_margin"
    UNKNOWN_LABEL = "unknown_label"
    MODEL_FAILED = "model_failed"
    NO_WORDS = "no_words"
    ORIGINAL_REFUSED = "original_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason for doubt: a stable code and a sentence for people. `label` is the label it concerns, or empty."""

    code: ReasonCode
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """The model's answer.

    Attributes:
        labels: The likeliest label set, even if the model abstained.
        probability: Probability of that set, in [0, 1].
        threshold: Probability that the set must reach for the wanted precision; 0 if none is wanted or the model has no
            calibration, and None if no probability is known to keep it.
        scores: Probability of every label.
        model_version: Resource name of the model that answered.
    """

    labels: tuple[str, ...]
    probability: float
    scores: Mapping[str, float] = field(default_factory=dict)
    model_version: str = ""
    threshold: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A department to notify, and its channel. `probability` is None if people chose the department."""

    label: str
    channel: str
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Either departments to notify, or reasons why people must decide; never both.

    Attributes:
        targets: Departments to notify, in the order of the answer.
        reasons: Reasons why no department is notified.
        guess: The model's answer; None if it failed.
    """

    targets: tuple[Target, ...] = ()
    reasons: tuple[Reason, ...] = ()
    guess: Guess | None = None

    @property
    def review(self) -> bool:
        """True if people must decide."""
        return not self.targets
