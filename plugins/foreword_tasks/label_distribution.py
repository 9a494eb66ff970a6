"""Counts of labels and label sets, for the checks and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from foreword.domain.report import MAX_ROWS_PER_FINDING, Matrix, ReportPart, Table
from foreword_tasks.label_metrics import MAX_MATRIX_LABELS
from foreword_tasks.label_schema import LabelSchema
from foreword_tasks.outputs import Outputs

_MAX_TABLE_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledOutput:
    """The label set of an output in canonical form and its labels as written.

    Attributes:
        text: The output.
        row_count: Number of rows with this output.
        numbers: The first 20 of these rows.
    """

    text: str
    labels: tuple[str, ...]
    written: tuple[str, ...]
    row_count: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDistribution:
    """The distribution of labels over the rows.

    Attributes:
        outputs: Distinct outputs, in the order of their first rows.
        row_count: Number of rows.
        label_counts: Number of rows by label, alone or with others.
        set_counts: Number of rows by label set.
    """

    schema: LabelSchema
    outputs: tuple[LabelledOutput, ...]
    row_count: int
    label_counts: Counter[str]
    set_counts: Counter[tuple[str, ...]]

    @classmethod
    def of(cls, outputs: Outputs, schema: LabelSchema) -> LabelDistribution:
        """Count the labels and label sets of outputs."""
        labelled = tuple(
            LabelledOutput(
                text=output.text.strip(),
                labels=schema.read(output.text),
                written=tuple(schema.written(output.text)),
                row_count=output.count,
                numbers=tuple(output.numbers),
            )
            for output in outputs
        )
        label_counts: Counter[str] = Counter()
        set_counts: Counter[tuple[str, ...]] = Counter()
        for item in labelled:
            set_counts[item.labels] += item.row_count
            for label in item.labels:
                label_counts[label] += item.row_count
        return cls(
            schema=schema,
            outputs=labelled,
            row_count=outputs.row_count,
            label_counts=label_counts,
            set_counts=set_counts,
        )

    def alone(self, label: str) -> int:
        """Return the number of rows with only this label."""
        return self.set_counts[(label,)]

    def numbers(self, labels: tuple[str, ...]) -> tuple[int, ...]:
        """Return the numbers of the first 20 rows with exactly this label set."""
        return first_rows(output for output in self.outputs if output.labels == labels)

    def text(self, labels: tuple[str, ...]) -> str:
        """Return a label set as the text of an answer."""
        return self.schema.separator.join(labels)

    def parts(self) -> list[ReportPart]:
        """Return the label table and, if rows have several labels, the table of label sets and the matrix."""
        parts = [self._label_table()]
        if self.schema.multi_label:
            parts += [self._set_table(), self._co_occurrence()]
        return parts

    def _label_table(self) -> ReportPart:
        shown = self.schema.labels[:_MAX_TABLE_ROWS]
        if self.schema.multi_label:
            columns: tuple[str, ...] = ("label", "rows", "share", "alone", "with others")
        else:
            columns = ("label", "rows", "share")
        rows = []
        for label in shown:
            count, alone = self.label_counts[label], self.alone(label)
            cells = (label, str(count), self._share(count), str(alone), str(count - alone))
            rows.append(cells[: len(columns)])
        title = _title("Rows by label", len(shown), len(self.schema.labels))
        return ReportPart(id="label_counts", title=title, content=Table(columns=columns, rows=tuple(rows)))

    def _set_table(self) -> ReportPart:
        shown = self.schema.label_sets[:_MAX_TABLE_ROWS]
        rows = tuple(
            (self.text(labels), str(self.set_counts[labels]), self._share(self.set_counts[labels])) for labels in shown
        )
        title = _title("Rows by label set", len(shown), len(self.schema.label_sets))
        return ReportPart(id="label_sets", title=title, content=Table(columns=("labels", "rows", "share"), rows=rows))

    def _co_occurrence(self) -> ReportPart:
        """Return the matrix of rows that have both labels; the diagonal counts all rows with the label."""
        frequent = sorted(self.schema.labels, key=lambda label: -self.label_counts[label])[:MAX_MATRIX_LABELS]
        shown = self.schema.in_order(frequent)
        known = set(shown)
        cells: Counter[tuple[str, str]] = Counter()
        for labels, count in self.set_counts.items():
            here = [label for label in labels if label in known]
            for first in here:
                for second in here:
                    cells[first, second] += count
        matrix = Matrix(
            row_labels=shown,
            column_labels=shown,
            values=tuple(tuple(float(cells[first, second]) for second in shown) for first in shown),
        )
        title = _title("Rows with both labels", len(shown), len(self.schema.labels))
        return ReportPart(id="co_occurrence", title=title, content=matrix)

    def _share(self, count: int) -> str:
        return f"{100 * count / max(1, self.row_count):.1f} %"


def first_rows(outputs: Iterable[LabelledOutput]) -> tuple[int, ...]:
    """Return the numbers of the first 20 rows with any of these outputs."""
    return tuple(sorted(number for output in outputs for number in output.numbers)[:MAX_ROWS_PER_FINDING])


def _title(title: str, shown: int, total: int) -> str:
    return title if shown == total else f"{title} (the first {shown} of {total})"
