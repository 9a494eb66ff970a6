"""Suggestions for names that are unknown, but spelt almost like a known one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_MOST_CHARACTERS: Final = 100
"""Longer names get no suggestion: the comparison takes time that grows with the square of the length."""
_CUTOFF: Final = 0.7


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: `. Did you mean 'learning_rate'?`; empty if none is close.

    The source of the comparison is `difflib.get_close_matches`.
    """
    if len(name) > _MOST_CHARACTERS:
        return ""
    candidates = [item for item in dict.fromkeys(known) if len(item) <= _MOST_CHARACTERS]
    likely = get_close_matches(name, candidates, n=1, cutoff=_CUTOFF)
    return f". Did you mean {likely[0]!r}?" if likely else ""
