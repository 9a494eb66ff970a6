"""Comparison of the new model with the current one on rows that neither was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Labels = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of a model on some rows.

    Attributes:
        right: Number of rows whose labels were exactly right.
        rows: Number of rows.
        micro_f1: Micro F1 over all labels of all rows, in [0, 1].
    """

    right: int
    rows: int
    micro_f1: float

    @property
    def share(self) -> float:
        """The share of exactly right answers, in [0, 1]."""
        return self.right / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The scores of both models on the same rows."""

    current: Score
    new: Score

    def better(self, minimum_improvement: float) -> bool:
        """Return whether the new model's share of right answers is higher by more than a minimum."""
        return self.new.right > self.current.right and self.new.share - self.current.share > minimum_improvement


def score(expected: Sequence[Labels], answers: Sequence[Labels]) -> Score:
    """Count the right answers.

    Args:
        expected: The right labels of each row.
        answers: The model's answers, in the same order.
    """
    hits = sum(len(right & said) for right, said in zip(expected, answers, strict=True))
    mentioned = sum(map(len, expected)) + sum(map(len, answers))
    return Score(
        right=sum(right == said for right, said in zip(expected, answers, strict=True)),
        rows=len(expected),
        micro_f1=2 * hits / mentioned if mentioned else 1.0,
    )
