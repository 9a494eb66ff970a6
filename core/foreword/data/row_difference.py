"""The difference between two datasets: the rows that were added, removed, or have another output."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from foreword.domain.comparison import RowOverlap
from foreword.domain.dataset import Row

_MASK: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class RowKeys:
    """Hashes of the inputs and outputs of rows, 16 bytes for each row, whatever its length.

    As in `foreword_validators.row_index`, two different texts hardly have the same hash, and nobody can choose texts
    that do, because the hash of `str` is keyed. Therefore the keys are only comparable within one process.
    """

    inputs: array[int]
    outputs: array[int]

    @classmethod
    def of(cls, rows: Iterable[Row], check: Callable[[], None] = lambda: None) -> RowKeys:
        """Return the keys of rows.

        Args:
            check: Called for each row; raises an error to stop.
        """
        keys = cls(array("Q"), array("Q"))
        for row in rows:
            check()
            keys.inputs.append(hash(row.input) & _MASK)
            keys.outputs.append(hash(row.output) & _MASK)
        return keys

    def groups(self) -> Iterator[tuple[int, list[int]]]:
        """Yield the hash of each input, in increasing order, with the places of its rows."""
        order = sorted(range(len(self.inputs)), key=self.inputs.__getitem__)
        start = 0
        while start < len(order):
            input, end = self.inputs[order[start]], start + 1
            while end < len(order) and self.inputs[order[end]] == input:
                end += 1
            yield input, order[start:end]
            start = end


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDifference:
    """The difference between two datasets. Rows count as often as they occur; their order makes no difference.

    Attributes:
        overlap: The counts.
        changed: Places of rows with the same input and another output, in the first and in the second dataset.
        removed: Places of the other rows that only the first dataset has.
        added: Places of the other rows that only the second dataset has.
    """

    overlap: RowOverlap
    changed: Sequence[tuple[int, int]]
    removed: Sequence[int]
    added: Sequence[int]


def row_difference(before: RowKeys, after: RowKeys) -> RowDifference:
    """Compare the rows of two datasets. Places are counted from 0 and in the order of the datasets."""
    changed: list[tuple[int, int]] = []
    removed, added = array("I"), array("I")
    only_before_count = only_after_count = relabelled = 0
    for places_before, places_after in _joined(before.groups(), after.groups()):
        only_before, only_after = _surplus(places_before, before.outputs, places_after, after.outputs)
        only_before_count += len(only_before)
        only_after_count += len(only_after)
        if places_before:
            # A row that occurs more often than in the first dataset has no other output there.
            known = {before.outputs[place] for place in places_before}
            relabelled += sum(after.outputs[place] not in known for place in only_after)
        pairs = min(len(only_before), len(only_after))
        changed += zip(only_before[:pairs], only_after[:pairs], strict=True)
        removed.extend(only_before[pairs:])
        added.extend(only_after[pairs:])
    return RowDifference(
        overlap=RowOverlap(
            shared=len(before.inputs) - only_before_count,
            added=only_after_count,
            removed=only_before_count,
            relabelled=relabelled,
        ),
        changed=sorted(changed),
        removed=sorted(removed),
        added=sorted(added),
    )


def _joined(
    before: Iterator[tuple[int, list[int]]], after: Iterator[tuple[int, list[int]]]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the places of the rows of each input in both datasets."""
    first, second = next(before, None), next(after, None)
    while first is not None or second is not None:
        if second is None or (first is not None and first[0] < second[0]):
            assert first is not None
            yield first[1], []
            first = next(before, None)
        elif first is None or second[0] < first[0]:
            yield [], second[1]
            second = next(after, None)
        else:
            yield first[1], second[1]
            first, second = next(before, None), next(after, None)


def _surplus(
    before: Sequence[int], outputs_before: Sequence[int], after: Sequence[int], outputs_after: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the places of the rows of one input whose output the other dataset has not, or less often."""
    if not before or not after:
        return list(before), list(after)
    places: dict[int, list[int]] = {}
    for place in reversed(before):
        places.setdefault(outputs_before[place], []).append(place)
    only_after = []
    for place in after:
        same = places.get(outputs_after[place])
        if same:
            same.pop()
        else:
            only_after.append(place)
    return sorted(place for rest in places.values() for place in rest), only_after
