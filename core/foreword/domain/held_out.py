"""The choice of held-out rows: the same rows whenever and wherever a run is resumed or evaluated."""

from __future__ import annotations

import random
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from foreword.domain.dataset import Row


def held_out_count(count: int, share: float) -> int:
    """Return how many of `count` rows are held out: the nearest whole number, with at least one row on either side."""
    if share <= 0 or count < 2:
        return 0
    return min(max(1, round(count * share)), count - 1)


def input_digest(row: Row) -> bytes:
    """Return a digest that is equal for rows whose inputs are equal except for case, white space and Unicode form.

    The Unicode forms are the composed and the decomposed one of a character (NFC and NFD), which look alike. Digests
    instead of texts: a file can have a million long inputs.
    """
    text = unicodedata.normalize("NFC", " ".join(row.input.split()).casefold())
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def same_inputs(rows: Iterable[Row]) -> list[Sequence[int]]:
    """Group the indices of rows whose inputs have an equal `input_digest`, in the order of the file.

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
