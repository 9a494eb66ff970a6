"""Checks of free text before it is stored."""

from __future__ import annotations

from foreword.domain.violations import Violations


def check_texts(**texts: str | None) -> None:
    """Reject characters that PostgreSQL cannot store (NUL and lone surrogates), on every database.

    Args:
        texts: Texts by field name; None values are skipped.

    Raises:
        InvalidArgumentError: A text contains such characters; the error lists every invalid field.
    """
    violations = Violations()
    for field, text in texts.items():
        if text is not None and any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in text):
            violations.add(field, "must not contain NUL or lone surrogate characters; remove them")
    violations.check()
