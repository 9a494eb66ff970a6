"""Paths that callers pass."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Final

from foreword.errors import InvalidArgumentError

_PICTURES: Final = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".eps", ".ps")


def check_path(field: str, path: str | PathLike[str]) -> None:
    """Check a path before any work is done for it.

    Raises:
        InvalidArgumentError: It contains the character NUL, which no path can contain.
    """
    if "\0" in fspath(path):
        raise InvalidArgumentError.of(
            field, f"{fspath(path)[:200]!r} contains the character NUL, which no path can contain. Pass another path."
        )


def check_picture_path(field: str, path: str | PathLike[str]) -> None:
    """Check the path of a picture before any work is done for it.

    Raises:
        InvalidArgumentError: It has no extension of a picture, its folder does not exist, or it contains NUL.
    """
    check_path(field, path)
    target = Path(fspath(path))
    if target.suffix.lower() not in _PICTURES:
        raise InvalidArgumentError.of(
            field, f"{str(target)[:200]!r} must end in one of {', '.join(_PICTURES)}, which sets the format"
        )
    if not target.parent.is_dir():
        raise InvalidArgumentError.of(field, f"the folder {str(target.parent)[:200]!r} does not exist; create it first")
