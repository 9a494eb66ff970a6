"""Rare labels that are misspellings of frequent ones."""

from __future__ import annotations

from typing import Final

from foreword.domain.labels.edit_distance import within_distance
from foreword.domain.labels.spelling import spelling_key

_MIN_LENGTH: Final = 4
_MAX_LENGTH: Final = 60
_MIN_LENGTH_FOR_REPLACEMENT: Final = 5
_MIN_LENGTH_FOR_TWO_EDITS: Final = 8
_MIN_RATIO: Final = 3
_MIN_CHANGED_WORD: Final = 4


def is_misspelling(rare: str, rare_count: int, common: str, common_count: int) -> bool:
    """Return whether a rare label is probably a misspelling of a frequent one.

    One edit, or two in a long label, of insertions, deletions, replacements and exchanged neighbours. The following
    pairs are different labels: those with other digits (`L2`, `L3`), those of which a short word differs (`Type A`,
    `Type B`, `Phase II`, `Phase III`), and those with another first letter (`Internal`, `External`): the first letter
    is seldom wrong (Yannakoudakis and Fawthrop 1983, doi:10.1016/0306-4573(83)90045-6).

    Args:
        rare_count: Number of rows with `rare`.
        common_count: Number of rows with `common`: at least three times as many.
    """
    if common_count < _MIN_RATIO * rare_count or not rare_count:
        return False
    if not all(_MIN_LENGTH <= len(label) <= _MAX_LENGTH for label in (rare, common)):
        return False
    first, second = spelling_key(rare), spelling_key(common)
    if first == second or first[:1] != second[:1] or _digits(first) != _digits(second) or _short_word(first, second):
        return False
    shorter = min(len(first), len(second))
    if len(first) == len(second) and shorter < _MIN_LENGTH_FOR_REPLACEMENT:
        return False
    return _exchanged(first, second) or within_distance(first, second, 2 if shorter >= _MIN_LENGTH_FOR_TWO_EDITS else 1)


def _exchanged(first: str, second: str) -> bool:
    """Return whether two texts differ in the order of two neighbouring characters."""
    if len(first) != len(second):
        return False
    places = [place for place in range(len(first)) if first[place] != second[place]]
    return (
        len(places) == 2
        and places[1] == places[0] + 1
        and first[places[0]] == second[places[1]]
        and first[places[1]] == second[places[0]]
    )


def _short_word(first: str, second: str) -> bool:
    """Return whether two texts of several words differ in a short word, such as the A of Type A."""
    words, others = first.split(), second.split()
    if len(words) != len(others):
        return False
    changed = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    return len(words) > 1 and any(min(map(len, pair)) < _MIN_CHANGED_WORD for pair in changed)


def _digits(label: str) -> str:
    return "".join(character for character in label if character.isdigit())
