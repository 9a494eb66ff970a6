"""The division of a file into rows to train on and held-out rows, with counts for each label set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.held_out import held_out_places, input_digest
from foreword.plugin.interfaces import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSetSplit:
    """The rows of one label set on both sides.

    Attributes:
        labels: The label set as a canonical answer.
    """

    labels: str
    training: int
    held_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSplit:
    """A division of the rows of a file.

    Attributes:
        held_out: Places of the held-out rows, counted from 0.
        row_count: Number of rows.
        label_sets: The most frequent first; empty if the task has no closed set of answers.
        joined_row_count: Number of rows whose input occurs more than once, which are on one side together.
    """

    held_out: frozenset[int]
    row_count: int
    label_sets: tuple[LabelSetSplit, ...]
    joined_row_count: int

    @property
    def never_held_out(self) -> tuple[LabelSetSplit, ...]:
        """Label sets that no held-out row has, so that they are not measured."""
        return tuple(item for item in self.label_sets if not item.held_out)

    @property
    def never_trained(self) -> tuple[LabelSetSplit, ...]:
        """Label sets that no row to train on has, so that they are not learnt."""
        return tuple(item for item in self.label_sets if not item.training)


def split_file(rows: Sequence[Row], task: Task, options: TaskOptions, *, share: float, seed: int) -> FileSplit:
    """Hold out a share of the distinct inputs, spread evenly over the label sets.

    The rows are those that a run with the same task, `validation_split` and `seed` holds out. Rows with equal inputs,
    as `input_digest` compares them, are never on both sides. The rows are read three times and not kept.

    Args:
        rows: Rows without faults, at least two.
        share: Share of the inputs to hold out, in (0, 0.5].

    Raises:
        InvalidArgumentError: The options contradict each other or the rows.
    """
    schema = task.fit(rows, options)
    distinct: dict[str, str] = {}
    targets = []
    for row in rows:
        target = task.target(row.output, schema)
        targets.append(distinct.setdefault(target, target))
    held_out = held_out_places(rows, targets=targets, share=share, seed=seed)
    label_sets: tuple[LabelSetSplit, ...] = ()
    if task.closed:
        counts = Counter(targets)
        held = Counter(targets[place] for place in held_out)
        label_sets = tuple(
            LabelSetSplit(labels=text, training=count - held[text], held_out=held[text])
            for text, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        )
    inputs = Counter(map(input_digest, rows))
    return FileSplit(
        held_out=frozenset(held_out),
        row_count=len(targets),
        label_sets=label_sets,
        joined_row_count=sum(count for count in inputs.values() if count > 1),
    )
