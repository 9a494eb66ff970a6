"""Rows whose inputs nearly repeat those of another file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import overload

import numpy as np

from foreword.domain.dataset import Row
from foreword_validators.near_inputs.rows import MAX_PAIRS, NearPair
from foreword_validators.near_inputs.search import NearInputs


class NearLeaks:
    """The rows of a file whose inputs nearly repeat one of another file, without being equal to it.

    Attributes:
        pairs: Up to 1,000 of them: the place in the other file, the place in this one, and how they differ.
        count: Number of all of them.
        is_complete: False if not all similar inputs could be compared.
    """

    def __init__(self, rows: Sequence[Row], others: Sequence[Row]) -> None:
        num_others = len(others)
        search = NearInputs(_Joined(others, rows), lambda _row: None, num_others)
        search.join_equal()
        search.join_near(lambda _one, _other, _difference: True)
        first_N = search.groups.first_N()[num_others:]
        self.pairs: list[NearPair] = []
        self.count = 0
        for place in np.flatnonzero(first_N < num_others).tolist():
            other = int(first_N[place])
            difference = search.compare(other, num_others + place)
            if difference == ((), ()) and others[other].input.strip() == rows[place].input.strip():
                continue
            self.count += 1
            if len(self.pairs) < MAX_PAIRS:
                self.pairs.append(NearPair(other, place, difference or ((), ())))
        self.is_complete = search.is_complete


class _Joined(Sequence[Row]):
    """Two sequences one after the other, without a copy."""

    def __init__(self, first: Sequence[Row], second: Sequence[Row]) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def __iter__(self) -> Iterator[Row]:
        return chain(self._first, self._second)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        return self._first[place] if place < len(self._first) else self._second[place - len(self._first)]
