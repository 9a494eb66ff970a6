"""Texts of rows on one line of the screen."""

from __future__ import annotations

from foreword.domain.report import excerpt

_MOST_QUOTED = 80


def shown(text: str) -> str:
    """Return a text on one line, so that spaces around it and invisible characters can be seen."""
    plain = excerpt(text)
    return plain if plain == text else repr(text) if len(text) < _MOST_QUOTED else plain
