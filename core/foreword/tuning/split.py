"""Which rows are held out: the same ones whenever and wherever a run is resumed or evaluated."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from foreword.domain.dataset import Row
from foreword.domain.experiment import TunePlan
from foreword.plugin.interfaces import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows to train on and rows held out, each in the order of the file."""

    training: tuple[Row, ...]
    held_out: tuple[Row, ...]


def held_out_count(row_count: int, share: float) -> int:
    """How many of so many rows are held out: the nearest whole number, at least one row on either side."""
    if share <= 0 or row_count < 2:
        return 0
    return min(max(1, round(row_count * share)), row_count - 1)


def split_rows(rows: Sequence[Row], *, targets: Sequence[str], share: float, seed: int) -> Split:
    """Holds out a share of the rows, spread evenly over the distinct answers.

    Args:
        targets: The canonical answer of each row.
    """
    count = held_out_count(len(rows), share)
    generator = random.Random(f"split/{seed}")  # noqa: S311 - no secret
    groups: dict[str, list[int]] = defaultdict(list)
    for place, target in enumerate(targets):
        groups[target].append(place)
    order: list[int] = []
    for target in generator.sample(sorted(groups), len(groups)):
        order += generator.sample(groups[target], len(groups[target]))
    # Every n-th of rows that are sorted by answer: each answer is held out in proportion, rare ones by chance.
    offset = generator.random()
    chosen = {order[int((place + offset) * len(order) / count)] for place in range(count)}
    return Split(
        training=tuple(row for place, row in enumerate(rows) if place not in chosen),
        held_out=tuple(row for place, row in enumerate(rows) if place in chosen),
    )


def split_for(plan: TunePlan, task: Task, rows: Sequence[Row]) -> Split:
    """The split of a planned run."""
    return split_rows(
        rows,
        targets=[task.target(row.output, plan.schema) for row in rows],
        share=plan.parameters.validation_split,
        seed=plan.parameters.seed,
    )
