"""Reports of drift: how far the requests of a deployment are from the training data of its model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, cast

MIN_REQUESTS: Final = 100
"""Requests without which there is no verdict."""
DEFAULT_REQUESTS: Final = 1_000
"""Number of requests that are compared: enough to see a tenth of new ones, few enough to see them soon."""
MAX_REQUESTS: Final = 2_000


class DriftVerdict(Enum):
    """What the figures show.

    Attributes:
        STABLE: The distance is within its tolerance, or chance explains it.
        DRIFTED: The distance is above its tolerance, and chance makes one as large with a probability of at most 0.1 %.
        NOT_ENOUGH: There are too few requests, or too few rows to compare them with.
        NO_REFERENCE: There is nothing to compare them with.
    """

    STABLE = "stable"
    DRIFTED = "drifted"
    NOT_ENOUGH = "not_enough"
    NO_REFERENCE = "no_reference"


class DriftKind(Enum):
    """What is compared.

    Attributes:
        INPUT_LENGTH: Lengths of the inputs in characters, by the tenths of the training inputs: a Jensen-Shannon
            divergence in bits, as those of inputs and answers below.
        INPUT_WORDS: Words of the inputs.
        ANSWERS: Label sets of the answers, against those of the model's held-out answers, or else of the training rows.
        CONFIDENCE: Mean probability of the answers, against that of the held-out answers: a difference.
        ABSTENTION: Share of answers that abstain, against the share of held-out answers that would have with the same
            thresholds: a difference.
    """

    INPUT_LENGTH = "input_length"
    INPUT_WORDS = "input_words"
    ANSWERS = "answers"
    CONFIDENCE = "confidence"
    ABSTENTION = "abstention"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftChange:
    """A part of a distribution that has changed: its share among the reference, and among the requests."""

    name: str
    reference_share: float
    request_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftMeasure:
    """One comparison of the requests with a reference.

    Attributes:
        request_count: Number of requests.
        reference_count: Number of rows or answers that they are compared with.
        value: Divergence in bits, in [0, 1] up to chance, or difference; None without a verdict.
        lower: Lower end of the 95 % interval of the value.
        upper: Its upper end.
        p_value: Probability of as large a value by chance.
        tolerance: The value, or its size for a difference, up to which nothing has drifted.
        changes: What has changed most, the largest change first.
    """

    kind: DriftKind
    verdict: DriftVerdict
    request_count: int
    reference_count: int
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    tolerance: float
    changes: tuple[DriftChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """The comparison of the newest captured requests of a model with its training data.

    Attributes:
        model: Resource name of the model.
        request_count: Number of requests.
        first_time: When the oldest of them was stored; None without any.
        last_time: When the newest of them was stored; None without any.
        measure_time: When they were compared.
    """

    model: str
    request_count: int
    first_time: datetime | None
    last_time: datetime | None
    measure_time: datetime
    measures: tuple[DriftMeasure, ...]

    @property
    def verdict(self) -> DriftVerdict:
        """The verdict on all measures: that of the worst of those that have one."""
        found = {item.verdict for item in self.measures}
        order = (DriftVerdict.DRIFTED, DriftVerdict.STABLE, DriftVerdict.NOT_ENOUGH)
        return next((item for item in order if item in found), DriftVerdict.NO_REFERENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSample:
    """A sample of training rows. It holds no text of an input.

    Attributes:
        row_count: Number of rows of the training data.
        lengths: Lengths of the inputs, in characters.
        buckets: For each input, the buckets of its words.
        outputs: The canonical outputs; empty for a task without labels.
    """

    row_count: int
    lengths: tuple[object, ...]
    buckets: tuple[object, ...]
    outputs: tuple[object, ...] = ()

    @property
    def input_lengths(self) -> list[int]:
        """Length of each input, in characters."""
        return [int(cast("Any", item)) for item in self.lengths]

    @property
    def input_buckets(self) -> list[list[int]]:
        """Buckets of the words of each input."""
        return [list(cast("Any", item)) for item in self.buckets]

    @property
    def labels(self) -> list[str]:
        """Output of each row; none for a task without labels."""
        return [str(item) for item in self.outputs]
