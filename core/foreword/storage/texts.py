"""Checks of free text before it is stored."""

from __future__ import annotations

from foreword.domain.violations import Violations


def check_texts(**texts: str | None) -> None:
    """Refuses what PostgreSQL cannot store (the character NUL, lone surrogates), whatever the database.

    Args:
        texts: Texts by field name; None is skipped.

    Raises:
        InvalidArgumentError: Names every faulty field.
    """
    violations = Violations()
    for field, text in texts.items():
        if text is not None and any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in text):
            violations.add(field, "must not contain NUL or lone surrogate characters; remove them")
    violations.check()
