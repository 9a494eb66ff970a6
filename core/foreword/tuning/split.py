"""The rows of a run: those to train on and those held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foreword.domain.dataset import Row
from foreword.domain.experiment import TunePlan
from foreword.domain.held_out import held_out_places
from foreword.plugin.interfaces import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The rows to train on and the rows held out, each in the order of the file."""

    training: tuple[Row, ...]
    held_out: tuple[Row, ...]


def split_rows(rows: Sequence[Row], *, targets: Sequence[str], share: float, seed: int) -> Split:
    """Hold out a share of the distinct inputs, as `held_out_places` chooses them."""
    chosen = held_out_places(rows, targets=targets, share=share, seed=seed)
    return Split(
        training=tuple(row for place, row in enumerate(rows) if place not in chosen),
        held_out=tuple(row for place, row in enumerate(rows) if place in chosen),
    )


def split_for(plan: TunePlan, task: Task, rows: Sequence[Row], validation_rows: Sequence[Row] = ()) -> Split:
    """Return the split of a planned run.

    Args:
        rows: All rows of the dataset.
        validation_rows: All rows of the validation dataset, which are held out instead; empty if there is none.
    """
    if validation_rows:
        return Split(training=tuple(rows), held_out=tuple(validation_rows))
    return split_rows(
        rows,
        targets=[task.target(row.output, plan.schema) for row in rows],
        share=plan.parameters.validation_split,
        seed=plan.held_out_seed,
    )
