"""Edit distance with an upper bound."""

from __future__ import annotations


def within_distance(first: str, second: str, limit: int) -> bool:
    """Return True if the texts differ by at most `limit` insertions, deletions or replacements (Levenshtein 1966)."""
    if abs(len(first) - len(second)) > limit:
        return False
    row = list(range(len(second) + 1))
    for place, character in enumerate(first, 1):
        above, row[0] = row[0], place
        for column, other in enumerate(second, 1):
            replaced = above + (character != other)
            above = row[column]
            row[column] = min(replaced, above + 1, row[column - 1] + 1)
        if min(row) > limit:
            return False
    return row[-1] <= limit
