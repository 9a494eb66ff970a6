"""Metrics that compare predicted label sets with expected ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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

_LabelSet = tuple[str, ...]


def score_label_sets(
    predictions: Sequence[_LabelSet | None], references: Sequence[_LabelSet], schema: LabelSchema
) -> Scores:
    """Return the metrics of `METRICS`, the table by label and a matrix.

    Args:
        predictions: Label sets; None for a text that is not an answer, which misses all expected labels.
    """
    hits: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    due: Counter[str] = Counter()
    exact, overlap = 0, 0.0
    for prediction, reference in zip(predictions, references, strict=True):
        answer, truth = set(prediction or ()), set(reference)
        hits.update(answer & truth)
        predicted.update(answer)
        due.update(truth)
        exact += answer == truth
        # Jaccard index by row: the multi-label accuracy of Godbole and Sarawagi (2004).
        overlap += len(answer & truth) / len(answer | truth) if answer | truth else 1.0
    count = max(1, len(references))
    occurring = schema.in_order({*predicted, *due})
    f1 = {label: _f1(hits[label], predicted[label], due[label]) for label in occurring}
    metrics = {
        "exact_match": exact / count,
        "micro_f1": _f1(hits.total(), predicted.total(), due.total()),
        "macro_f1": sum(f1.values()) / max(1, len(f1)),
        "accuracy": overlap / count,
    }
    table = Table(
        columns=("label", "precision", "recall", "f1", "rows", "predicted"),
        rows=tuple(
            (
                label,
                _share(hits[label], predicted[label]),
                _share(hits[label], due[label]),
                f"{f1[label]:.3f}",
                str(due[label]),
                str(predicted[label]),
            )
            for label in occurring
        ),
    )
    shown = schema.in_order(sorted(occurring, key=lambda label: -due[label])[:MAX_MATRIX_LABELS])
    return Scores(
        metrics=metrics,
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


def _f1(hits: int, predicted: int, due: int) -> float:
    return 2 * hits / (predicted + due) if predicted + due else 0.0


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"
