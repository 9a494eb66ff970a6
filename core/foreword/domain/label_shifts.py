"""The rows of each label set in two versions of a dataset, from their reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foreword.domain.report import DataReport

_CLEAR_SHIFT: Final = 0.03
"""Shift of a share that is worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelShift:
    """The rows with a label set in two versions of a dataset.

    Attributes:
        labels: The label set as the text of an answer.
        before: Number of rows in the first version.
        before_share: Their share of its rows, in [0, 1].
        after: Number of rows in the second version.
        after_share: Their share of its rows, in [0, 1].
    """

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


def label_shifts(before: DataReport | None, after: DataReport | None) -> tuple[LabelShift, ...] | None:
    """Return the label sets that have another number of rows in the second version, the largest shifts first.

    Rows with one label each are counted by label. A report lists at most 200 label sets; others are left out.

    Returns:
        None if one of the reports has no labels.
    """
    sets_before, sets_after = _label_sets(before), _label_sets(after)
    if before is None or after is None or not (sets_before and sets_after):
        return None
    shifts = [
        LabelShift(
            labels=labels,
            before=sets_before.get(labels, 0),
            before_share=sets_before.get(labels, 0) / max(1, before.usable_row_count),
            after=sets_after.get(labels, 0),
            after_share=sets_after.get(labels, 0) / max(1, after.usable_row_count),
        )
        for labels in dict.fromkeys([*sets_before, *sets_after])
        if sets_before.get(labels, 0) != sets_after.get(labels, 0)
    ]
    return tuple(sorted(shifts, key=lambda item: -abs(item.after_share - item.before_share)))


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
