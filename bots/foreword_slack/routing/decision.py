"""What was decided about a complaint, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class ReasonCode(Enum):
    """Why a complaint goes to people instead of to departments."""

    ABSTAINED = "abstained"
    BELOW_THRESHOLD = "below_threshold"
    SMALL_MARGIN = "small_margin"
    UNKNOWN_LABEL = "unknown_label"
    MODEL_FAILED = "model_failed"
    NO_WORDS = "no_words"
    ORIGINAL_REFUSED = "original_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason for doubt, as a stable code and as a sentence for people. `label`: the one it is about, or empty."""

    code: ReasonCode
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What the model said.

    Attributes:
        labels: The likeliest label set, also when the model abstained.
        probability: Of that set, in [0, 1].
        scores: Probability of every label.
        model_version: Resource name of the model that answered.
    """

    labels: tuple[str, ...]
    probability: float
    scores: Mapping[str, float] = field(default_factory=dict)
    model_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A department that is told, and where. `probability` is None when people chose it."""

    label: str
    channel: str
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Either departments, or reasons why people must decide; never both.

    Attributes:
        targets: Departments to tell, in the order of the answer.
        reasons: Why none is told.
        guess: What the model said; None when it failed.
    """

    targets: tuple[Target, ...] = ()
    reasons: tuple[Reason, ...] = ()
    guess: Guess | None = None

    @property
    def review(self) -> bool:
        """Whether people must decide."""
        return not self.targets
