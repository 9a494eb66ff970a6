"""Simulated evaluations of two systems on the same rows, whose true metrics are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from foreword.evaluation.bootstrap import bootstrap
from foreword.evaluation.row_statistics import RowStatistics
from foreword_tasks.classification import Classification

LABEL_SHARES = np.array([0.45, 0.35, 0.3, 0.2, 0.15, 0.12, 0.08])
"""Share of the rows that have each of seven labels; labels are independent."""
SHARED = 0.7
"""Probability that two systems find a label, or a row, equally hard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often intervals contain the true value.

    Attributes:
        covered: Share of the intervals that contain it.
        width: Mean width.
    """

    covered: float
    width: float


class Simulation(Protocol):
    """Two systems with known metrics."""

    @property
    def truth(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """The metrics of the systems on all rows that there could be."""

    def draw(self, row_count: int, random: np.random.Generator) -> tuple[RowStatistics, RowStatistics]:
        """Return the statistics of both systems on the same new rows."""

    def metrics_of_sums(self, sums: Sequence[float]) -> Mapping[str, float]:
        """Return the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Two systems that answer a share of the rows rightly."""

    first: float
    second: float

    @property
    def truth(self):
        return {"share": self.first}, {"share": self.second}

    def draw(self, row_count, random):
        luck_N, other_N = random.random((2, row_count))
        second_N = np.where(random.random(row_count) < SHARED, luck_N, other_N)
        return _statistics([1.0, float(luck < self.first)] for luck in luck_N), _statistics(
            [1.0, float(luck < self.second)] for luck in second_N
        )

    def metrics_of_sums(self, sums):
        return {"share": sums[1] / max(1.0, sums[0])}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSets:
    """Two systems that find the labels of rows, each with its recall and its share of false alarms."""

    first: tuple[float, float]
    second: tuple[float, float]

    @property
    def truth(self):
        return _label_truth(*self.first), _label_truth(*self.second)

    def draw(self, row_count, random):
        due_NL = random.random((row_count, len(LABEL_SHARES))) < LABEL_SHARES
        luck_NL, other_NL = random.random((2, *due_NL.shape))
        second_NL = np.where(random.random(due_NL.shape) < SHARED, luck_NL, other_NL)
        return tuple(
            _label_statistics(due_NL, np.where(due_NL, luck < recall, luck > 1 - false_alarms))
            for luck, (recall, false_alarms) in ((luck_NL, self.first), (second_NL, self.second))
        )

    def metrics_of_sums(self, sums):
        return TASK.metrics_of_sums(sums, {})


TASK = Classification()


def _label_truth(recall: float, false_alarms: float) -> Mapping[str, float]:
    hits, predicted = LABEL_SHARES * recall, LABEL_SHARES * recall + (1 - LABEL_SHARES) * false_alarms
    right = LABEL_SHARES * recall + (1 - LABEL_SHARES) * (1 - false_alarms)
    return {
        "exact_match": float(right.prod()),
        "micro_f1": float(2 * hits.sum() / (predicted.sum() + LABEL_SHARES.sum())),
        "macro_f1": float((2 * hits / (predicted + LABEL_SHARES)).mean()),
    }


def _label_statistics(due_NL: np.ndarray, given_NL: np.ndarray) -> RowStatistics:
    """Return what `Classification.row_statistics` returns for these labels, without the accuracy."""
    exact_N = (due_NL == given_NL).all(axis=1)
    counts_NLK = np.stack([due_NL & given_NL, given_NL, due_NL], axis=2)
    return _statistics(
        [1.0, float(exact), 0.0, *counts.ravel().astype(float).tolist(), 0.0, 0.0, 0.0]
        for exact, counts in zip(exact_N, counts_NLK, strict=True)
    )


def _statistics(rows) -> RowStatistics:
    found = RowStatistics()
    for row in rows:
        found.add(row)
    return found


def measure_coverage(
    simulation: Simulation, *, row_count: int, repeats: int, num_resamples: int, seed: int = 0
) -> dict[str, Coverage]:
    """Return the coverage of the intervals of each metric, and of the differences (`difference of ...`).

    Args:
        repeats: Number of evaluations, each of new rows.
    """
    random = np.random.default_rng(seed)
    first, second = simulation.truth
    found: dict[str, list[tuple[bool, float]]] = {}
    for _ in range(repeats):
        result = bootstrap(simulation.draw(row_count, random), simulation.metrics_of_sums, num_resamples=num_resamples)
        for id, true in first.items():
            difference = result.differences[0][id].interval
            for name, value, interval in (
                (id, true, result.intervals[0][id]),
                (f"difference of {id}", second[id] - true, difference),
            ):
                covered = interval.lower - 1e-12 <= value <= interval.upper + 1e-12
                found.setdefault(name, []).append((covered, interval.upper - interval.lower))
    return {
        name: Coverage(covered=float(covered), width=float(width))
        for name, (covered, width) in ((name, np.mean(values, axis=0)) for name, values in found.items())
    }
