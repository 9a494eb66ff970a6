"""The difference between two versions of a dataset, as far as their reports tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foreword.client import DataReport, Dataset

_MOST_LINES: Final = 20
_CLEAR_SHIFT: Final = 0.03
"""Shift of a share that is worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The rows with a label set in two versions. Shares are in [0, 1]."""

    labels: str
    before: int
    before_share: float
    after: int
    after_share: float

    @property
    def points(self) -> str:
        """The shift of the share in percentage points, with its sign."""
        return f"{100 * (self.after_share - self.before_share):+.1f}".replace("-", "\N{MINUS SIGN}")

    @property
    def is_clear(self) -> bool:
        """Whether the shift is worth a look."""
        return abs(self.after_share - self.before_share) >= _CLEAR_SHIFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference to another version.

    Attributes:
        other: The other version.
        shifts: Label sets whose share differs, the largest shifts first.
        omitted: Number of those that are left out.
        has_labels: Whether both versions have labels, so that they can be compared.
    """

    other: Dataset
    shifts: tuple[Shift, ...]
    omitted: int
    has_labels: bool


def difference(dataset: Dataset, other: Dataset) -> Difference:
    """Return the difference of a version to another one, both with their reports."""
    before, after = _label_sets(other.report), _label_sets(dataset.report)
    found = [
        Shift(
            labels=labels,
            before=before.get(labels, 0),
            before_share=before.get(labels, 0) / max(1, other.row_count),
            after=after.get(labels, 0),
            after_share=after.get(labels, 0) / max(1, dataset.row_count),
        )
        for labels in dict.fromkeys([*before, *after])
    ]
    differing = [item for item in found if item.before != item.after]
    differing.sort(key=lambda item: -abs(item.after_share - item.before_share))
    return Difference(
        other=other,
        shifts=tuple(differing[:_MOST_LINES]),
        omitted=max(0, len(differing) - _MOST_LINES),
        has_labels=bool(before and after),
    )


def _label_sets(report: DataReport | None) -> Mapping[str, int]:
    """Return the number of rows by label set; by label if a row has only one."""
    tables = {part.id: part.content for part in report.parts} if report is not None else {}
    for id in ("label_sets", "label_counts"):
        rows, columns = getattr(tables.get(id), "rows", ()), getattr(tables.get(id), "columns", ())
        if rows and "rows" in columns:
            place = columns.index("rows")
            try:
                return {row[0]: int(row[place].replace(",", "")) for row in rows}
            except ValueError:
                continue
    return {}
