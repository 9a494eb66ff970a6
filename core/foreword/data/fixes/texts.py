"""Corrections of a single text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from foreword.data.fixes.change import INVISIBLE_CHARACTER, SURROUNDING_SPACE

_EDGES: Final = "\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}"
# Joiners, direction marks and zero-width spaces have a meaning within texts of some scripts.
_INVISIBLE: Final = dict.fromkeys(
    (
        *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if not chr(code).isspace()),
        0x00AD,  # soft hyphen
        0x2060,  # word joiner
        0xFEFF,  # byte order mark
    )
)


def text_fixes(text: str, codes: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the code of each correction of a text, and the text after it. Nothing becomes empty."""
    if SURROUNDING_SPACE in codes:
        stripped = _stripped(text)
        if stripped and stripped != text:
            text = stripped
            yield SURROUNDING_SPACE, text
    if INVISIBLE_CHARACTER in codes and not text.isprintable():
        visible = text.translate(_INVISIBLE)
        if visible.strip() and visible != text:
            yield INVISIBLE_CHARACTER, visible


def _stripped(text: str) -> str:
    """Return a text without white space and invisible spaces around it."""
    while (inner := text.strip().strip(_EDGES)) != text:
        text = inner
    return text
