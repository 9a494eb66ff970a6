"""Texts about nearly equal inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foreword.domain.report import Finding, Severity
from foreword_validators.near_inputs.difference import Difference

_MAX_WORDS: Final = 4
_MAX_LETTERS: Final = 40


def described(difference: Difference) -> str:
    """Return the words of a difference as the end of a sentence."""
    first, second = (_quoted(words) for words in difference)
    if first and second:
        return f"{first} / {second}"
    return first or second or "case or punctuation"


def incomplete() -> Finding:
    """Return the remark that not all candidates were compared."""
    return Finding(
        severity=Severity.INFO,
        code="NEAR_DUPLICATES_INCOMPLETE",
        message="So many inputs resemble each other that not all of them were compared; more may be nearly equal.",
        remedy="Remove the rows that were found, and check the file again.",
    )


def _quoted(words: Sequence[str]) -> str:
    if not words:
        return ""
    text = " ".join(words[:_MAX_WORDS])[:_MAX_LETTERS]
    more = " ..." if len(words) > _MAX_WORDS or len(" ".join(words[:_MAX_WORDS])) > _MAX_LETTERS else ""
    return f'"{text}{more}"'
