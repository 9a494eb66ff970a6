"""The rows that two datasets have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from foreword.domain.comparison import RowOverlap
from foreword.domain.dataset import Row

_Digests = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How often each row of a dataset occurs, by the digests of its input and its output."""

    counts: Counter[_Digests]

    @classmethod
    def of(cls, rows: Iterable[Row], check: Callable[[], None] = lambda: None) -> RowCounts:
        """Count rows.

        Args:
            check: Called for each row; raises an error to stop.
        """
        counts: Counter[_Digests] = Counter()
        for row in rows:
            check()
            counts[_digest(row.input), _digest(row.output)] += 1
        return cls(counts)

    def overlap(self, first: RowCounts) -> RowOverlap:
        """Return what these rows have in common with those of `first`."""
        added = self.counts - first.counts
        inputs = {input for input, _ in first.counts}
        return RowOverlap(
            shared=(self.counts & first.counts).total(),
            added=added.total(),
            removed=(first.counts - self.counts).total(),
            # A row that occurs more often than in the first dataset has no other output there.
            relabelled=sum(count for row, count in added.items() if row[0] in inputs and row not in first.counts),
        )


def _digest(text: str) -> bytes:
    """Return a digest instead of the text, so that rows of any length take the same memory."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
