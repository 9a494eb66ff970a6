"""Cells of CSV that a spreadsheet would run as formulas."""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = re.compile(
    r"'*[=+\-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}"
    r"\N{FULLWIDTH COMMERCIAL AT}]"
)
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet may run a cell: it begins like a formula, apostrophes aside, and is no number."""
    return _FORMULA.match(text) is not None and not _NUMBER.fullmatch(text)


def escaped(text: str) -> str:
    """Return the text with an apostrophe in front if it is a formula. Without it, it is the original again."""
    return f"'{text}" if is_formula(text) else text
