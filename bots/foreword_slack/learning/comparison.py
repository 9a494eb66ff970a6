"""The new model against the current one, on the same rows that neither has learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Labels = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well a model did.

    Attributes:
        right: Rows whose labels were exactly right.
        rows: Rows asked.
        micro_f1: Over all labels of all rows, in [0, 1].
    """

    right: int
    rows: int
    micro_f1: float

    @property
    def share(self) -> float:
        """Share of exactly right answers."""
        return self.right / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both models on the same rows."""

    current: Score
    new: Score

    def better(self, minimum_improvement: float) -> bool:
        """Whether the new model is right more often, by more than this share of the rows."""
        return self.new.right > self.current.right and self.new.share - self.current.share > minimum_improvement


def score(expected: Sequence[Labels], answers: Sequence[Labels]) -> Score:
    """Counts right answers.

    Args:
        expected: Labels by row.
        answers: What the model said, in the same order.
    """
    hits = sum(len(right & said) for right, said in zip(expected, answers, strict=True))
    mentioned = sum(map(len, expected)) + sum(map(len, answers))
    return Score(
        right=sum(right == said for right, said in zip(expected, answers, strict=True)),
        rows=len(expected),
        micro_f1=2 * hits / mentioned if mentioned else 1.0,
    )
