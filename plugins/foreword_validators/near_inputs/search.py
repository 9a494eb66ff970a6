"""The search for nearly equal inputs.

N inputs.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foreword.domain.dataset import Row
from foreword_validators.near_inputs.difference import Difference, difference, max_difference
from foreword_validators.near_inputs.groups import Groups, equal_runs
from foreword_validators.near_inputs.signatures import Signatures
from foreword_validators.near_inputs.words import Frame, words_of

FEWEST_WORDS: Final = 3
"""Inputs with fewer words are compared without case and punctuation only."""

_MAX_LEADERS: Final = 8
_SAMPLE: Final = 1_000
_MAX_KEPT_WORDS: Final = 200_000
_LONG_PAIR_WORDS: Final = 10_000
_MAX_UNLIKE: Final = 100_000
_FEWEST_COMPARISONS: Final = 100_000
_COMPARISONS_PER_INPUT: Final = 8
_FEWEST_WORDS_READ: Final = 4_000_000
_READINGS: Final = 8

Accept = Callable[[int, int, Difference], bool]


@dataclass(slots=True)
class _Budget:
    """What may still be compared. Files can be made so that every input looks like every other."""

    comparisons: int
    words: int

    @property
    def is_spent(self) -> bool:
        return self.comparisons <= 0 or self.words <= 0

    def pay(self, words: int) -> None:
        self.comparisons -= 1
        self.words -= words


class NearInputs:
    """The search for nearly equal inputs among rows, in two steps.

    Inputs with the same words are equal but for case and punctuation. Among the others, those with a common key of
    their signatures are candidates, and `difference` decides: nothing is reported that was not compared word by word.
    Some pairs are missed: of those that differ in the most words allowed, about 2 in 100. The time and the memory are
    bounded for any rows: 130 bytes for each, and at most 8 comparisons for each on the average, or 100,000.

    Attributes:
        num_inputs: Number of rows.
        groups: Places of rows that belong together.
        is_complete: False if not all candidates could be compared.

    Args:
        rows: The rows, each of which may be read from disk.
        see: Called with each row in their order.
        num_others: If not 0, rows from this place on are compared with those before it only.
    """

    def __init__(self, rows: Sequence[Row], see: Callable[[Row], None], num_others: int = 0) -> None:
        self._rows = rows
        self._num_others = num_others
        self.num_inputs = len(rows)
        self.groups = Groups(self.num_inputs)
        self.is_complete = True
        step = -(-self.num_inputs // _SAMPLE) or 1
        self._frame = Frame.of(rows[place].input for place in range(0, self.num_inputs, step))
        self._kept: dict[int, list[str]] = {}
        self._kept_words = 0
        self._unlike: set[tuple[int, int]] = set()  # long inputs that were compared, which takes long
        signatures = Signatures(self.num_inputs)
        texts = array("q")
        for row in rows:
            see(row)
            words = self._frame.without(words_of(row.input))
            signatures.add(words)
            texts.append(hash(tuple(words) or row.input))
        signatures.finish()
        self._signatures = signatures
        self._texts_N = np.frombuffer(texts, np.int64) if texts else np.zeros(0, np.int64)

    def join_equal(self) -> None:
        """Join all inputs that are equal but for case and punctuation."""
        for places_N in equal_runs(self._texts_N):
            first = int(places_N[0])
            if first < self._num_others or not self._num_others:
                for place in places_N[1:].tolist():
                    self.groups.join(first, place)

    def join_near(self, accept: Accept) -> None:
        """Compare the candidates and join those that `accept` returns true for.

        Args:
            accept: Receives the places of two nearly equal inputs and their difference.
        """
        first_N = self.groups.first_N()
        lengths_N = self._signatures.lengths_N
        is_first_N = first_N == np.arange(self.num_inputs, dtype=np.uint32)
        places_N = np.flatnonzero(is_first_N & (lengths_N >= FEWEST_WORDS))
        budget = _Budget(
            max(_FEWEST_COMPARISONS, _COMPARISONS_PER_INPUT * self.num_inputs),
            max(_FEWEST_WORDS_READ, _READINGS * int(lengths_N.sum())),
        )
        for keyed_N, keys_N in self._signatures.bands(places_N):
            for run_N in equal_runs(keys_N):
                self._compare(keyed_N[run_N].tolist(), budget, accept)
                if budget.is_spent:
                    self.is_complete = False
                    return

    def length(self, place: int) -> int:
        """Return the number of words of an input that are compared."""
        return int(self._signatures.lengths_N[place])

    def compare(self, one: int, other: int) -> Difference | None:
        """Return how two inputs differ; None if they are not nearly equal."""
        return difference(self._words(one), self._words(other))

    def _compare(self, places: list[int], budget: _Budget, accept: Accept) -> None:
        """Compare the places of one key with the first of them, and with those that are unlike it."""
        groups, lengths, others = self.groups, self._signatures.lengths_N, self._num_others
        leaders = [place for place in places if place < others][:_MAX_LEADERS]
        if others and (not leaders or places[-1] < others):
            return
        for place in places:
            if place < others:
                continue
            group, length = groups.first(place), int(lengths[place])
            if group < others or any(groups.first(leader) == group for leader in leaders):
                continue
            for leader in leaders:
                leader_length = int(lengths[leader])
                if abs(length - leader_length) > max_difference(length, leader_length):
                    continue
                is_long = length + leader_length > _LONG_PAIR_WORDS
                if is_long and (leader, place) in self._unlike:
                    continue
                budget.pay(length if leader in self._kept else length + leader_length)
                found = difference(self._words(leader), self._words(place))
                if found is not None and accept(leader, place, found):
                    groups.join(leader, place)
                    break
                if is_long and len(self._unlike) < _MAX_UNLIKE:
                    self._unlike.add((leader, place))
                if budget.is_spent:
                    return
            else:
                if not others and len(leaders) < _MAX_LEADERS:
                    leaders.append(place)

    def _words(self, place: int) -> list[str]:
        """Return the words of an input that are compared. Those read last are kept, if they are not too many."""
        words = self._kept.get(place)
        if words is None:
            words = self._frame.without(words_of(self._rows[place].input))
            if self._kept_words + len(words) > _MAX_KEPT_WORDS:
                self._kept.clear()
                self._kept_words = 0
            self._kept[place] = words
            self._kept_words += len(words)
        return words
