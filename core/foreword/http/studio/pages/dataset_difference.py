"""The difference between two versions of a dataset, as far as their reports describe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foreword.client import Dataset, LabelShift, label_shifts

_MOST_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference to another version.

    Attributes:
        other: The other version.
        shifts: Label sets whose number of rows differs, the largest shifts first.
        omitted: Number of those that are left out.
        has_labels: Whether both versions have labels, so that they can be compared.
    """

    other: Dataset
    shifts: tuple[LabelShift, ...]
    omitted: int
    has_labels: bool


def difference(dataset: Dataset, other: Dataset) -> Difference:
    """Return the difference of a version to another one, both with their reports."""
    shifts = label_shifts(other.report, dataset.report)
    return Difference(
        other=other,
        shifts=() if shifts is None else shifts[:_MOST_LINES],
        omitted=0 if shifts is None else max(0, len(shifts) - _MOST_LINES),
        has_labels=shifts is not None,
    )
