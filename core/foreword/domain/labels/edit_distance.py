"""Edit distance with an upper bound."""

from __future__ import annotations


def within_distance(first: str, second: str, limit: int) -> bool:
    """Return True if the texts differ by at most `limit` insertions, deletions or replacements (Levenshtein 1966).

    Only the cells within `limit` of the diagonal are computed (Ukkonen 1985), so that the time grows with the length
    of the texts and not with its square.
    """
    if abs(len(first) - len(second)) > limit:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    first, second = first[start:], second[start:]
    far = limit + 1
    row = {column: column for column in range(min(limit, len(second)) + 1)}
    for place, character in enumerate(first, 1):
        below: dict[int, int] = {}
        for column in range(max(0, place - limit), min(len(second), place + limit) + 1):
            if not column:
                below[0] = place
                continue
            replaced = row.get(column - 1, far) + (character != second[column - 1])
            below[column] = min(replaced, row.get(column, far) + 1, below.get(column - 1, far) + 1)
        if min(below.values()) > limit:
            return False
        row = below
    return row[len(second)] <= limit
