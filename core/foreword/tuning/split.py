"""The choice of held-out rows: the same rows whenever and wherever a run is resumed or evaluated."""

from __future__ import annotations

import random
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from foreword.domain.dataset import Row
from foreword.domain.experiment import TunePlan
from foreword.plugin.interfaces import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The rows to train on and the rows held out, each in the order of the file."""

    training: tuple[Row, ...]
    held_out: tuple[Row, ...]


def held_out_count(count: int, share: float) -> int:
    """Return how many of `count` rows are held out: the nearest whole number, with at least one row on either side."""
    if share <= 0 or count < 2:
        return 0
    return min(max(1, round(count * share)), count - 1)


def input_digest(row: Row) -> bytes:
    """Return a digest that is equal for rows whose inputs are equal except for case and white space.

    Digests instead of texts: a file can have a million long inputs.
    """
    text = " ".join(row.input.split()).casefold()
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def same_inputs(rows: Iterable[Row]) -> list[Sequence[int]]:
    """Group the indices of rows whose inputs are equal except for case and white space, in the order of the file.

    A score on inputs that were trained on measures memory, not generalisation.
    """
    found: dict[bytes, array[int]] = {}
    for place, row in enumerate(rows):
        digest = input_digest(row)
        places = found.get(digest)
        if places is None:
            found[digest] = array("I", (place,))
        else:
            places.append(place)
    return list(found.values())


def split_rows(rows: Sequence[Row], *, targets: Sequence[str], share: float, seed: int) -> Split:
    """Hold out a share of the distinct inputs, as `held_out_places` chooses them."""
    chosen = held_out_places(rows, targets=targets, share=share, seed=seed)
    return Split(
        training=tuple(row for place, row in enumerate(rows) if place not in chosen),
        held_out=tuple(row for place, row in enumerate(rows) if place in chosen),
    )


def held_out_places(rows: Iterable[Row], *, targets: Sequence[str], share: float, seed: int) -> set[int]:
    """Return the places of the held-out rows: a share of the distinct inputs, spread evenly over the distinct answers.

    Rows of one input stay together. An input with more rows than are to be held out is trained on, unless all inputs
    have that many: the others measure more.

    Args:
        targets: The canonical answer of each row; the answer of an input is that of its first row.
    """
    generator = random.Random(f"split/{seed}")  # noqa: S311 - no secret
    inputs = same_inputs(rows)
    most = held_out_count(len(targets), share)
    eligible = [places for places in inputs if len(places) <= most] or inputs
    count = min(held_out_count(len(inputs), share), len(eligible))
    groups: dict[str, list[Sequence[int]]] = defaultdict(list)
    for places in eligible:
        groups[targets[places[0]]].append(places)
    order: list[Sequence[int]] = []
    for target in generator.sample(sorted(groups), len(groups)):
        order += generator.sample(groups[target], len(groups[target]))
    # Every n-th input in the order of answers: each answer is held out in proportion, rare answers by chance.
    offset = generator.random()
    ticks = (int((tick + offset) * len(order) / count) for tick in range(count))
    return {place for tick in ticks for place in order[tick]}


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
