"""Splitting of texts in any script into words."""

from __future__ import annotations

import re
from typing import Final

_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Chinese characters
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; in scripts without spaces between words, its characters."""
    return _WORD.findall(text.casefold())
