"""Differences of stored results on the same rows, with paired bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from foreword.domain.report import MetricDifference, SystemEvaluation
from foreword.evaluation.bootstrap import bootstrap
from foreword.evaluation.row_statistics import RowStatistics
from foreword.plugin.interfaces import Schema, Task

MAX_PAIRED_ROWS: Final = 200_000
"""Maximum number of rows of all systems together. Their intervals take about 10 seconds."""


def paired_differences(
    task: Task, results: Sequence[SystemEvaluation | None], *, check: Callable[[], None] = lambda: None
) -> list[Mapping[str, MetricDifference]]:
    """Return the differences of results to the first ones, by metric id.

    They are empty for the first results, for results without single rows, and for those of a task with other labels,
    whose rows cannot be compared; for all, if there are too many rows.

    Args:
        results: Results on the same rows, in the same order; None for those that are left out.
        check: Called many times a second; raises an error to stop.
    """
    found: list[Mapping[str, MetricDifference]] = [{} for _ in results]
    stored = [
        (place, *RowStatistics.from_text(item.row_statistics))
        for place, item in enumerate(results)
        if item is not None and item.row_statistics
    ]
    if not stored or stored[0][0] != 0:
        return found
    _, first, schema = stored[0]
    paired = [
        (place, rows)
        for place, rows, other in stored
        if (len(rows), rows.width) == (len(first), first.width) and _is_alike(task, schema, other)
    ]
    if len(paired) < 2 or len(paired) * len(first) > MAX_PAIRED_ROWS:
        return found
    measured = bootstrap([rows for _, rows in paired], lambda sums: task.metrics_of_sums(sums, schema), check=check)
    for (place, _), differences in zip(paired[1:], measured.differences, strict=True):
        found[place] = differences
    return found


def _is_alike(task: Task, first: Schema, other: Schema) -> bool:
    """Return whether statistics by two schemas have the same meaning, also if other label sets were trained on."""
    spaces = [task.label_space(schema) for schema in (first, other)]
    if spaces[0] is None or spaces[1] is None:
        return first == other
    return spaces[0].labels == spaces[1].labels
