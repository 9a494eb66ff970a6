"""Groups of places that belong together, and the places worth comparing.

N texts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class Groups:
    """Groups of N places, at first one for each (a disjoint-set forest). They take 4 bytes for each place."""

    def __init__(self, num_places: int) -> None:
        self._parents = array("I", range(num_places))

    def first(self, place: int) -> int:
        """Return the first place of a group."""
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    def join(self, one: int, other: int) -> None:
        """Make one group of those of two places."""
        one, other = self.first(one), self.first(other)
        self._parents[max(one, other)] = min(one, other)

    def first_N(self) -> NDArray[np.uint32]:
        """Return the first place of the group of each place."""
        for place in range(len(self._parents)):
            self._parents[place] = self._parents[self._parents[place]]  # parents are smaller, and are final already
        return np.frombuffer(self._parents, np.uint32)


def equal_runs(keys_N: NDArray[np.generic]) -> Iterator[NDArray[np.int64]]:
    """Yield the places of each key that several places have, in ascending order."""
    order_N = np.argsort(keys_N, kind="stable")
    sorted_N = keys_N[order_N]
    starts = np.flatnonzero(np.concatenate(([True], sorted_N[1:] != sorted_N[:-1]))) if len(order_N) else order_N
    lengths = np.diff(np.append(starts, len(order_N)))
    for start, length in zip(starts[lengths > 1].tolist(), lengths[lengths > 1].tolist(), strict=True):
        yield order_N[start : start + length]
