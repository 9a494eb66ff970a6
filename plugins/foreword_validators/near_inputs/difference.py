"""The words in which two inputs differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MIN_SIMILARITY: Final = 0.85
"""Smallest similarity of nearly equal inputs: twice the number of their common words, in order, by that of all words.

Inputs of 7 words may differ in one word, inputs of 3 words in one word that only one of them has.
"""

MAX_DIFFERENT_WORDS: Final = 60
"""Number of words, of both inputs together, that nearly equal inputs of any length may differ in."""

Difference = tuple[tuple[str, ...], tuple[str, ...]]


def max_difference(first_length: int, second_length: int) -> int:
    """Return how many words nearly equal inputs of these lengths in words may differ in, counting both sides."""
    # In integers: 0.15 is not a binary fraction.
    return min(MAX_DIFFERENT_WORDS, (first_length + second_length) * 15 // 100)


def difference(first: Sequence[str], second: Sequence[str]) -> Difference | None:
    """Return the words that only the first and only the second input have; None if they are not nearly equal.

    The difference is the smallest number of words to remove from both so that the same words in the same order are
    left (Myers, An O(ND) Difference Algorithm and Its Variations, 1986). The time is proportional to the number of
    words and the difference.
    """
    limit = max_difference(len(first), len(second))
    if abs(len(first) - len(second)) > limit:
        return None
    begin, first_end, second_end = 0, len(first), len(second)
    while begin < min(first_end, second_end) and first[begin] == second[begin]:
        begin += 1
    while first_end > begin and second_end > begin and first[first_end - 1] == second[second_end - 1]:
        first_end, second_end = first_end - 1, second_end - 1
    first, second = first[begin:first_end], second[begin:second_end]
    if len(set(first) ^ set(second)) > limit:  # most candidates that are unlike each other
        return None
    return _edits(first, second, limit)


def _edits(first: Sequence[str], second: Sequence[str], limit: int) -> Difference | None:
    """Return what `difference` does for the parts that are left, or None if the limit is exceeded."""
    if not first or not second:
        return (tuple(first), tuple(second)) if len(first) + len(second) <= limit else None
    rows, columns = len(first), len(second)
    reached = {1: 0}  # the farthest place in `first`, by diagonal
    trace: list[dict[int, int]] = []
    for count in range(limit + 1):
        trace.append(dict(reached))
        for diagonal in range(-count, count + 1, 2):
            down = diagonal == -count or (diagonal != count and reached[diagonal - 1] < reached[diagonal + 1])
            row = reached[diagonal + 1] if down else reached[diagonal - 1] + 1
            column = row - diagonal
            while row < rows and column < columns and first[row] == second[column]:
                row, column = row + 1, column + 1
            reached[diagonal] = row
            if row >= rows and column >= columns:
                return _traced(first, second, trace)
    return None


def _traced(first: Sequence[str], second: Sequence[str], trace: Sequence[dict[int, int]]) -> Difference:
    """Follow the shortest path back to its beginning and return the words that it removes."""
    removed: list[str] = []
    added: list[str] = []
    row, column = len(first), len(second)
    for count in range(len(trace) - 1, 0, -1):
        reached = trace[count]
        diagonal = row - column
        down = diagonal == -count or (diagonal != count and reached[diagonal - 1] < reached[diagonal + 1])
        before = diagonal + 1 if down else diagonal - 1
        row = reached[before]
        column = row - before
        if down:
            added.append(second[column])
        else:
            removed.append(first[row])
    return tuple(reversed(removed)), tuple(reversed(added))
