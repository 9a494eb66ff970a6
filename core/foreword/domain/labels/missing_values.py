"""Missing values that programs write as text."""

from __future__ import annotations

from typing import Final

_WORDS: Final = frozenset(
    {"nan", "none", "null", "nil", "nat", "undefined", "n/a", "#n/a", "na", "<na>", "n.a.", "(null)"}
)
_SHEET_ERRORS: Final = frozenset(
    {"#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!", "#spill!", "#calc!", "#n/a n/a", "#getting_data"}
)
_MARKS: Final = frozenset({"-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", "?", "??", "???", ".", "..."})
_FORMS: Final = _WORDS | _SHEET_ERRORS | _MARKS
_ALSO_LABELS: Final = _MARKS | {"none", "nil", "na", "n/a", "n.a."}
_MOST_CHARACTERS: Final = max(map(len, _FORMS))


def is_missing_value(text: str) -> bool:
    """Return whether a text is what pandas, databases, spreadsheets or people write for a value that is not there.

    Examples: `nan`, `None`, `NULL`, `N/A`, `#REF!`, `-`. An empty text is not one of them; it is empty.
    """
    text = text.strip()
    return len(text) <= _MOST_CHARACTERS and text.casefold() in _FORMS


def may_be_label(text: str) -> bool:
    """Return whether a missing value may be an answer of its own: `none` of several topics, the region `NA`, or `-`."""
    return text.strip().casefold() in _ALSO_LABELS
