"""Rows with nearly equal inputs: those that repeat others, and those that contradict them.

N rows.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foreword.domain.dataset import Row
from foreword_validators.near_inputs.difference import Difference
from foreword_validators.near_inputs.groups import equal_runs
from foreword_validators.near_inputs.kinds import is_slight, negates
from foreword_validators.near_inputs.search import NearInputs

MAX_PAIRS: Final = 1_000
"""Maximum number of contradictions that are looked for."""

_MAX_MEMBERS: Final = 500
_MAX_PARTNERS: Final = 20
_MAX_COMPARISONS: Final = 100_000
_MAX_WORDS_READ: Final = 4_000_000
_LEAST_HINT_SIMILARITY: Final = 0.95
_MOST_LABELS: Final = 0.5


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two rows, by their places, and the words in which their inputs differ."""

    first: int
    second: int
    difference: Difference


class NearRows:
    """The groups of rows with nearly equal inputs.

    Rows belong together if their inputs are equal but for case and punctuation, or nearly equal with the same output,
    or nearly equal with a difference that changes no meaning.

    Attributes:
        repeats_N: Places of all inputs that nearly repeat an earlier one, each input once, in ascending order.

    Args:
        meaning: Returns the same text for outputs that mean the same.
        labels: Whether the outputs are labels; None to decide by how often they recur.
    """

    def __init__(self, rows: Sequence[Row], meaning: Callable[[str], str], labels: bool | None) -> None:
        outputs, inputs = array("q"), array("q")

        def see(row: Row) -> None:
            inputs.append(hash(row.input.strip()))
            outputs.append(hash(meaning(row.output)))

        self._search = NearInputs(rows, see)
        self._outputs_N = np.frombuffer(outputs, np.int64) if outputs else np.zeros(0, np.int64)
        self._inputs_N = np.frombuffer(inputs, np.int64) if inputs else np.zeros(0, np.int64)
        self._labels = len(np.unique(self._outputs_N)) <= _MOST_LABELS * len(rows) if labels is None else labels
        self._hints: dict[NearPair, None] = {}
        self._is_cut = False
        self._search.join_equal()
        self._search.join_near(self._accept)
        self._first_N = self._search.groups.first_N()
        self.repeats_N = self._repeats()

    @property
    def is_complete(self) -> bool:
        """False if not all similar inputs were compared: too many to search, or too many that were found already."""
        return self._search.is_complete and not self._is_cut

    @property
    def hints(self) -> Iterable[NearPair]:
        """Nearly equal long inputs with different outputs, whose difference may have a meaning."""
        return self._hints

    def _repeats(self) -> NDArray[np.int64]:
        """Return the places of all inputs that nearly repeat an earlier one, each input once, in ascending order."""
        # Sorted by group and input, then by place; the first of each group and of each input are wanted.
        order_N = np.lexsort((self._inputs_N, self._first_N))
        group_N, input_N = self._first_N[order_N], self._inputs_N[order_N]
        is_new_N = np.ones(len(order_N), bool)
        is_new_N[1:] = (group_N[1:] != group_N[:-1]) | (input_N[1:] != input_N[:-1])
        places = order_N[is_new_N]
        own = self._inputs_N[self._first_N[places]] == self._inputs_N[places]
        return np.sort(places[~own])

    def partner(self, place: int) -> NearPair | None:
        """Return an input with the nearest of the first 20 of its group; None if it is only near to later ones."""
        members = np.flatnonzero(self._first_N[:place] == self._first_N[place])[:_MAX_PARTNERS].tolist()
        members = members[: max(1, _MAX_WORDS_READ // (len(members) * self._search.length(place) or 1))]
        pairs = [
            NearPair(member, place, found)
            for member in members
            if self._inputs_N[member] != self._inputs_N[place]
            and (found := self._search.compare(member, place)) is not None
        ]
        return min(pairs, key=_size, default=None)

    def groups(self, limit: int) -> list[NDArray[np.int64]]:
        """Return the places of the largest groups of different inputs, the largest first."""
        places_N = np.flatnonzero(np.isin(self._first_N, np.unique(self._first_N[self.repeats_N])))
        runs = (places_N[run] for run in equal_runs(self._first_N[places_N]))
        return nsmallest(limit, runs, key=lambda places: (-len(places), places[0]))

    def contradictions(self) -> Iterator[NearPair]:
        """Yield rows whose output differs from that of most rows of their group, each with the nearest of these.

        Rows whose very input has several outputs are left to the check for conflicts.
        """
        comparisons, words = _MAX_COMPARISONS, _MAX_WORDS_READ
        count = 0
        for places in self._disputed():
            inputs: defaultdict[int, set[int]] = defaultdict(set)
            for place in places:
                inputs[int(self._inputs_N[place])].add(int(self._outputs_N[place]))
            known = [place for place in places if len(inputs[int(self._inputs_N[place])]) == 1]
            usual = Counter(self._outputs_N[known].tolist()).most_common(1)
            if not usual:
                continue
            partners = [place for place in known if self._outputs_N[place] == usual[0][0]][:_MAX_PARTNERS]
            seen: set[int] = set()
            for place in known:
                if self._outputs_N[place] == usual[0][0] or int(self._inputs_N[place]) in seen:
                    continue
                seen.add(int(self._inputs_N[place]))
                comparisons -= len(partners)
                words -= sum(map(self._search.length, (place, *partners)))
                pair = self._nearest(place, partners)
                if pair is not None:
                    yield pair
                    count += 1
                if count == MAX_PAIRS or comparisons < 0 or words < 0:
                    self._is_cut = True
                    return

    def _disputed(self) -> Iterator[list[int]]:
        """Yield the first places of each group with several outputs."""
        different_N = self._outputs_N != self._outputs_N[self._first_N]
        places_N = np.flatnonzero(np.isin(self._first_N, np.unique(self._first_N[different_N])))
        for run in equal_runs(self._first_N[places_N]):
            self._is_cut = self._is_cut or len(run) > _MAX_MEMBERS
            yield places_N[run[:_MAX_MEMBERS]].tolist()

    def _nearest(self, place: int, partners: Sequence[int]) -> NearPair | None:
        pairs = []
        for partner in partners:
            first, second = sorted((partner, place))
            found = self._search.compare(first, second)
            if found is not None and (found == ((), ()) or (self._labels and is_slight(found))):
                pairs.append(NearPair(first, second, found))
        return min(pairs, key=_size, default=None)

    def _accept(self, one: int, other: int, found: Difference) -> bool:
        if self._outputs_N[one] == self._outputs_N[other] or is_slight(found):
            return True
        if self._labels and not negates(found):
            length = self._search.length(one) + self._search.length(other)
            if _LEAST_HINT_SIMILARITY * length <= length - len(found[0]) - len(found[1]):
                pair = NearPair(one, other, found)
                if len(self._hints) < MAX_PAIRS:
                    self._hints[pair] = None  # candidates are compared again for other keys
                else:
                    self._is_cut = self._is_cut or pair not in self._hints
        return False


def _size(pair: NearPair) -> tuple[int, int]:
    return len(pair.difference[0]) + len(pair.difference[1]), pair.first
