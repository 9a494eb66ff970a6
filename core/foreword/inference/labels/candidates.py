"""The answers that a closed task allows, as tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from foreword.inference.labels.label_trie import build_tries
from foreword.plugin.interfaces import LabelSpace

Encode = Callable[[str], list[int]]


class Candidates:
    """The answers of a label space, as tokens; made once and kept.

    Attributes:
        longest: Tokens of the longest answer of the first pass, end token included.
    """

    def __init__(self, space: LabelSpace, encode: Encode) -> None:
        order = {label: place for place, label in enumerate(space.labels)}
        singles = [(label,) for label in space.labels]
        seen = [tuple(sorted(labels, key=order.__getitem__)) for labels in space.label_sets if labels]
        self.space = space
        self.sets: list[tuple[str, ...]] = list(dict.fromkeys([*seen, *singles]))
        self._known = frozenset(self.sets)
        self._order = order
        self._encode = encode
        self._ids = {labels: encode(space.text(labels)) for labels in self.sets}
        self.tries = build_tries([self._ids[labels] for labels in self.sets])
        self.longest = max(map(len, self._ids.values()))

    def ids(self, labels: tuple[str, ...]) -> list[int]:
        """Return the tokens of an answer, the end token included."""
        found = self._ids.get(labels)
        return self._encode(self.space.text(labels)) if found is None else found

    def extend(self, beam: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Return new candidates: those of `beam` with one label more."""
        found: dict[tuple[str, ...], None] = {}
        for labels in beam:
            for label in self.space.labels:
                if label not in labels:
                    longer = tuple(sorted((*labels, label), key=self._order.__getitem__))
                    if longer not in self._known:
                        found[longer] = None
        return list(found)

    @property
    def num_tokens(self) -> int:
        """Number of tokens that the first pass reads."""
        return sum(len(trie) + 1 for trie in self.tries)
