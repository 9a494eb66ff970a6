"""Paths that callers pass."""

from __future__ import annotations

from os import PathLike, fspath

from foreword.errors import InvalidArgumentError


def check_path(field: str, path: str | PathLike[str]) -> None:
    """Check a path before any work is done for it.

    Raises:
        InvalidArgumentError: It contains the character NUL, which no path can contain.
    """
    if "\0" in fspath(path):
        raise InvalidArgumentError.of(
            field, f"{fspath(path)[:200]!r} contains the character NUL, which no path can contain. Pass another path."
        )
