"""Whether a file is searched for nearly equal inputs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from foreword.domain.report import Finding, Severity
from foreword.installation import install_command

MAX_ROWS_UNASKED: Final = 100_000
MAX_CHARACTERS_UNASKED: Final = 20_000_000
"""Rows and characters of inputs up to which files are searched unless the caller decides; it takes a few seconds."""


def refusal(asked: bool | None, row_count: int, character_count: int) -> Finding | None:
    """Return the remark that nearly equal inputs are not looked for; None if they are.

    Args:
        asked: Whether the caller wants them; None if the size decides.
    """
    if asked is None and (row_count > MAX_ROWS_UNASKED or character_count > MAX_CHARACTERS_UNASKED):
        return _not_searched(
            f"{row_count:,} rows with {character_count:,} characters of input take longer than the other checks",
            "Run `foreword data check FILE --near-duplicates` to look for them.",
        )
    if find_spec("numpy") is None:
        return _not_searched("NumPy is not installed", f"Install it with {install_command('plot')}.")
    return None


def _not_searched(reason: str, remedy: str) -> Finding:
    return Finding(
        severity=Severity.INFO,
        code="NEAR_DUPLICATES_NOT_SEARCHED",
        message=f"Nearly equal inputs were not looked for: {reason}.",
        remedy=remedy,
    )
