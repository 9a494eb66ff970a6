"""Groups of rows to read together: padding costs as much as text, so rows of one pass should be about as long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_TOLERATED: Final = 1.25
_TOLERATED_TOKENS: Final = 8


def length_groups(lengths: Sequence[int], *, max_rows: int, max_tokens: int) -> list[list[int]]:
    """Group the places of rows by similar length.

    Args:
        max_rows: Rows of a group.
        max_tokens: Tokens of a group, padding included; a single row may have more.

    Returns:
        Groups of places into `lengths`, shortest first.
    """
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        if groups:
            group = groups[-1]
            shortest = lengths[group[0]]
            fits = len(group) < max_rows and (len(group) + 1) * length <= max_tokens
            if fits and length <= shortest * _TOLERATED + _TOLERATED_TOKENS:
                group.append(place)
                continue
        groups.append([place])
    return groups
