"""The rows of each label set in two versions of a dataset."""

from __future__ import annotations

from foreword.domain.label_shifts import label_shifts
from foreword.domain.report import DataReport, ReportPart, Table


def report(row_count: int, **counts: str) -> DataReport:
    table = Table(columns=("labels", "rows"), rows=tuple(counts.items()))
    parts = (ReportPart(id="label_sets", title="Rows by label set", content=table),) if counts else ()
    return DataReport(row_count=row_count, usable_row_count=row_count, parts=parts)


def test_label_sets_with_as_many_rows_are_left_out_and_the_largest_shift_is_first() -> None:
    shifts = label_shifts(report(2000, a="1,000", b="400", c="600"), report(1000, a="1,000", c="600", d="10"))

    assert shifts is not None
    assert [(shift.labels, shift.before, shift.after, shift.points) for shift in shifts] == [
        ("b", 400, 0, "\N{MINUS SIGN}20.0"),
        ("d", 0, 10, "+1.0"),
    ]
    assert [shift.is_clear for shift in shifts] == [True, False]


def test_without_labels_on_both_sides_there_is_nothing_to_compare() -> None:
    assert label_shifts(report(3, a="3"), report(3)) is None
    assert label_shifts(None, report(3, a="3")) is None
