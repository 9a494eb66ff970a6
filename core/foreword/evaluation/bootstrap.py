"""Confidence intervals of the metrics of systems, and of their differences on the same rows, by the bootstrap.

Rows are drawn with replacement, as many as there are. The metrics of a draw follow from the sums of the statistics of
its rows. All systems are measured on the same draws, so that rows which are hard for two systems do not widen the
interval of their difference (Efron and Tibshirani 1993). The draws are the same in every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreword.domain.report import Interval, MetricDifference
from foreword.evaluation.intervals import bca_interval, share_difference_interval, share_interval, widened
from foreword.evaluation.row_statistics import Floats, Integers, RowStatistics, StatisticsTable

NUM_RESAMPLES: Final = 2_000
"""Number of draws."""

_SEED: Final = 1979  # the year of Efron's first paper on the bootstrap
_NUM_GROUPS: Final = 500
"""Maximum number of groups of rows that are left out in turn; of fewer rows, each is left out."""
_TOLERANCE: Final = 1e-9

MetricsOfSums = Callable[[Sequence[float]], Mapping[str, float]]
Check = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapResult:
    """The intervals of systems, in their order.

    Attributes:
        intervals: For each system, the 95 % interval by metric id, without metrics whose interval cannot be told.
        differences: For each system but the first, its difference to the first by metric id.
    """

    intervals: tuple[Mapping[str, Interval], ...]
    differences: tuple[Mapping[str, MetricDifference], ...]


def bootstrap(
    systems: Sequence[RowStatistics],
    metrics_of_sums: MetricsOfSums,
    *,
    check: Check = lambda: None,
    num_resamples: int = NUM_RESAMPLES,
) -> BootstrapResult:
    """Return the intervals of the metrics of each system, and of the differences of the others to the first.

    Metrics that are the share of some rows have the interval of a share. Others have BCa intervals, widened if few rows
    differ. If all draws have the same value, the interval is that of a share for metrics in [0, 1]; otherwise there is
    none.

    Args:
        systems: At least one system; all have the same rows, in the same order.
        metrics_of_sums: `Task.metrics_of_sums` without its schema.
        check: Called before metrics are computed, many times a second; raises an error to stop.
        num_resamples: Number of draws.

    Raises:
        ValueError: The systems have no rows, or different numbers of rows.
    """
    lengths = sorted({len(system) for system in systems})
    if len(lengths) != 1 or not lengths[0]:
        raise ValueError(f"the systems have {lengths} rows; give each of them the same rows, at least one")
    tables: list[StatisticsTable] = []
    for system in systems:
        check()
        tables.append(system.table())
    found = _measure(tables, metrics_of_sums, check, num_resamples)
    return BootstrapResult(
        intervals=tuple(
            {id: interval for id, values in system.items() if (interval := _interval(values)) is not None}
            for system in found
        ),
        differences=tuple(
            {id: _difference(values, found[0][id]) for id, values in system.items()} for system in found[1:]
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """The values of one metric for one system.

    Attributes:
        estimate: On all rows.
        resampled_R: On each draw.
        left_out_G: Without each group of rows.
        row_N: On each row alone.
        is_share: Whether the metric is the share of the rows whose value is 1, and all others have the value 0.
    """

    estimate: float
    resampled_R: Floats
    left_out_G: Floats
    row_N: Floats
    is_share: bool

    @property
    def is_bounded(self) -> bool:
        """Whether all values are in [0, 1]."""
        parts = (self.resampled_R, self.left_out_G, self.row_N)
        return all(part.min() >= -_TOLERANCE and part.max() <= 1 + _TOLERANCE for part in parts)


def _measure(
    tables: Sequence[StatisticsTable], metrics_of_sums: MetricsOfSums, check: Check, num_resamples: int
) -> list[dict[str, _Values]]:
    """Return the values of each metric for each system."""
    row_count = len(tables[0].pattern_N)
    random = np.random.default_rng(_SEED)
    # Rows in a random order, because neighbours in a file may be alike.
    groups = np.array_split(random.permutation(row_count), min(row_count, _NUM_GROUPS))
    resampled: list[list[Mapping[str, float]]] = [[] for _ in tables]
    piece = min(table.piece for table in tables)
    for first in range(0, num_resamples, piece):
        check()
        drawn_RN = random.integers(row_count, size=(min(piece, num_resamples - first), row_count))
        for table, metrics in zip(tables, resampled, strict=True):
            metrics += _metrics(table, list(drawn_RN), metrics_of_sums, check)
    found: list[dict[str, _Values]] = []
    for table, metrics in zip(tables, resampled, strict=True):
        everything = np.arange(row_count)
        (estimate,) = _metrics(table, [everything], metrics_of_sums, check)
        left_out = _left_out_metrics(table, groups, metrics_of_sums, check)
        by_pattern = []
        for pattern in range(table.size):
            check()
            by_pattern.append(metrics_of_sums(table.row(pattern)))
        found.append({})
        for id, value in estimate.items():
            check()
            row_N = np.array([row[id] for row in by_pattern])[table.pattern_N]
            left_out_G = np.array([part[id] for part in left_out])
            found[-1][id] = _Values(
                estimate=value,
                resampled_R=np.array([part[id] for part in metrics]),
                left_out_G=left_out_G,
                row_N=row_N,
                is_share=_is_share(value, row_N, left_out_G, groups),
            )
    return found


def _metrics(
    table: StatisticsTable, selections: Sequence[Integers], metrics_of_sums: MetricsOfSums, check: Check
) -> list[Mapping[str, float]]:
    """Return the metrics of selections of rows, given as places."""
    check()
    return _metrics_of_counts(table, np.stack([table.counts(rows) for rows in selections]), metrics_of_sums, check)


def _left_out_metrics(
    table: StatisticsTable, groups: Sequence[Integers], metrics_of_sums: MetricsOfSums, check: Check
) -> list[Mapping[str, float]]:
    """Return the metrics of all rows without each of the groups."""
    total_U = np.bincount(table.pattern_N, minlength=table.size)
    found: list[Mapping[str, float]] = []
    for first in range(0, len(groups), table.piece):
        check()
        counts_RU = np.stack([total_U - table.counts(rows) for rows in groups[first : first + table.piece]])
        found += _metrics_of_counts(table, counts_RU, metrics_of_sums, check)
    return found


def _metrics_of_counts(
    table: StatisticsTable, counts_RU: Integers, metrics_of_sums: MetricsOfSums, check: Check
) -> list[Mapping[str, float]]:
    found: list[Mapping[str, float]] = []
    for sums in table.sums(counts_RU):
        check()
        found.append(metrics_of_sums(sums))
    return found


def _is_share(estimate: float, row_N: Floats, left_out_G: Floats, groups: Sequence[Integers]) -> bool:
    """Return whether a metric is the mean of its values on single rows, all of them 0 or 1."""
    if not np.isin(row_N, (0.0, 1.0)).all():
        return False
    total, count = float(row_N.sum()), len(row_N)
    means_G = [(total - float(row_N[rows].sum())) / max(1, count - len(rows)) for rows in groups]
    return bool(np.allclose([total / count, *means_G], [estimate, *left_out_G], rtol=0, atol=_TOLERANCE))


def _interval(values: _Values) -> Interval | None:
    count = len(values.row_N)
    found = None if values.is_share else bca_interval(values.estimate, values.resampled_R, values.left_out_G)
    if found is None:
        return share_interval(values.estimate, count) if values.is_bounded else None
    _, frequencies = np.unique(values.row_N.round(12), return_counts=True)
    limits = (0.0, 1.0) if values.is_bounded else (-np.inf, np.inf)
    return widened(found, values.estimate, count - int(frequencies.max()), limits=limits)


def _difference(values: _Values, first: _Values) -> MetricDifference:
    difference = values.estimate - first.estimate
    both_bounded = values.is_bounded and first.is_bounded
    if values.is_share and first.is_share:
        interval: Interval | None = _share_difference_interval(values, first)
    else:
        interval = bca_interval(
            difference, values.resampled_R - first.resampled_R, values.left_out_G - first.left_out_G
        )
        if interval is not None:
            differing = int((np.abs(values.row_N - first.row_N) > _TOLERANCE).sum())
            limits = (-1.0, 1.0) if both_bounded else (-np.inf, np.inf)
            interval = widened(interval, difference, differing, limits=limits)
        elif both_bounded:
            interval = share_difference_interval(0, 0, len(values.row_N))
    return MetricDifference(difference=difference, interval=interval)


def _share_difference_interval(values: _Values, first: _Values) -> Interval:
    better, worse = int((values.row_N > first.row_N).sum()), int((values.row_N < first.row_N).sum())
    return share_difference_interval(better, worse, len(values.row_N))
