"""Metrics that compare predicted label sets with expected ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from foreword.domain.report import Matrix, MetricSpec, ReportPart, Table
from foreword.plugin.interfaces import Scores
from foreword_tasks.label_schema import LabelSchema

MAX_MATRIX_LABELS = 50
"""Maximum number of labels in a matrix: its size grows with the square, and a larger one is unreadable."""

NO_ANSWER = "(no answer)"

METRICS = (
    MetricSpec(
        id="exact_match",
        display_name="Exact match",
        description="Share of rows whose label set is exactly right, in [0, 1].",
    ),
    MetricSpec(
        id="micro_f1",
        display_name="Micro F1",
        description="F1 over all labels of all rows together, in [0, 1]; frequent labels count more.",
    ),
    MetricSpec(
        id="macro_f1",
        display_name="Macro F1",
        description="Mean of the F1 of each label that occurs, in [0, 1]; every label counts the same.",
    ),
    MetricSpec(
        id="accuracy",
        display_name="Accuracy",
        description="Mean share of correct labels among those predicted or expected, in [0, 1]; with one label per "
        "row, the share of correct rows.",
    ),
)

_PER_ROW: Final = 3
"""Number of statistics of a row as a whole; the others are those of labels."""
_PER_LABEL: Final = 3

_LabelSet = tuple[str, ...]


def label_statistics(answer: _LabelSet | None, reference: _LabelSet, schema: LabelSchema) -> list[float]:
    """Return the numbers of a row whose sums over rows determine the metrics.

    Args:
        answer: Label set; None for a text that is not an answer, which misses all expected labels.

    Returns:
        1 for the row; 1 for exactly the right label set; the share of correct labels among those predicted or expected;
        then for each label of the schema whether it was predicted rightly, predicted, and expected. The last three are
        for the labels that are not in the schema, which are counted together.
    """
    found = [0.0] * (_PER_ROW + _PER_LABEL * (len(schema.labels) + 1))
    for place, value in _counts(answer, reference, schema):
        found[place] += value
    return found


def metrics_of_counts(sums: Sequence[float]) -> dict[str, float]:
    """Return the metrics of `METRICS` from sums of `label_statistics`."""
    count, exact, overlap = sums[:_PER_ROW]
    hits, predicted, due = (sums[first::_PER_LABEL] for first in range(_PER_ROW, _PER_ROW + _PER_LABEL))
    by_label = [
        2 * hit / (given + expected)
        for hit, given, expected in zip(hits, predicted, due, strict=True)
        if given + expected
    ]
    return {
        "exact_match": exact / max(1.0, count),
        "micro_f1": _f1(sum(hits), sum(predicted), sum(due)),
        "macro_f1": sum(by_label) / max(1, len(by_label)),
        "accuracy": overlap / max(1.0, count),
    }


def _counts(answer: _LabelSet | None, reference: _LabelSet, schema: LabelSchema) -> Iterator[tuple[int, float]]:
    """Yield the statistics of a row that are not 0, with their places."""
    given, truth = set(answer or ()), set(reference)
    yield 0, 1.0
    yield 1, float(given == truth)
    # Jaccard index by row: the multi-label accuracy of Godbole and Sarawagi (2004).
    yield 2, len(given & truth) / len(given | truth) if given | truth else 1.0
    for kind, labels in enumerate((given & truth, given, truth)):
        for label in labels:
            yield _PER_ROW + _PER_LABEL * schema.place(label) + kind, 1.0


def score_label_sets(
    predictions: Sequence[_LabelSet | None], references: Sequence[_LabelSet], schema: LabelSchema
) -> Scores:
    """Return the metrics of `METRICS`, the table by label and a matrix.

    Args:
        predictions: Label sets; None for a text that is not an answer, which misses all expected labels.
    """
    sums = [0.0] * (_PER_ROW + _PER_LABEL * (len(schema.labels) + 1))
    hits: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    due: Counter[str] = Counter()
    for prediction, reference in zip(predictions, references, strict=True):
        for place, value in _counts(prediction, reference, schema):
            sums[place] += value
        hits.update(set(prediction or ()) & set(reference))
        predicted.update(prediction or ())
        due.update(reference)
    occurring = schema.in_order({*predicted, *due})
    table = Table(
        columns=("label", "precision", "recall", "f1", "rows", "predicted"),
        rows=tuple(
            (
                label,
                _share(hits[label], predicted[label]),
                _share(hits[label], due[label]),
                f"{_f1(hits[label], predicted[label], due[label]):.3f}",
                str(due[label]),
                str(predicted[label]),
            )
            for label in occurring
        ),
    )
    shown = schema.in_order(sorted(occurring, key=lambda label: -due[label])[:MAX_MATRIX_LABELS])
    return Scores(
        metrics=metrics_of_counts(sums),
        parts=(
            ReportPart(id="per_label", title="Results by label", content=table),
            _matrix(predictions, references, shown, multi_label=schema.multi_label),
        ),
    )


def _matrix(
    predictions: Sequence[_LabelSet | None], references: Sequence[_LabelSet], shown: _LabelSet, *, multi_label: bool
) -> ReportPart:
    """Count how often a label was expected (row) and a label was predicted (column)."""
    cells: Counter[tuple[str, str]] = Counter()
    for prediction, reference in zip(predictions, references, strict=True):
        cells.update((due, answer) for due in reference for answer in prediction or (NO_ANSWER,))
    columns = (*shown, NO_ANSWER) if any(prediction is None for prediction in predictions) else shown
    matrix = Matrix(
        row_labels=shown,
        column_labels=columns,
        values=tuple(tuple(float(cells[due, answer]) for answer in columns) for due in shown),
    )
    if multi_label:
        return ReportPart(id="co_occurrence", title="Expected label (row) and predicted label (column)", content=matrix)
    return ReportPart(id="confusion", title="Confusion: expected label (row), predicted label (column)", content=matrix)


def _f1(hits: float, predicted: float, due: float) -> float:
    return 2 * hits / (predicted + due) if predicted + due else 0.0


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"
