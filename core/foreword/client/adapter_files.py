"""Files of an adapter, written where the caller says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foreword.errors import InternalError, InvalidArgumentError


def check_folder(folder: Path) -> None:
    """Checks that a folder can be written to or made, as far as that shows beforehand.

    Raises:
        InvalidArgumentError: It is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidArgumentError.of("folder", f"{folder} is a file. Name a folder, which need not exist yet.")


def write_files(folder: Path, files: Mapping[str, bytes | bytearray]) -> list[Path]:
    """Writes files by name below a folder, which is made if it is not there.

    Returns:
        Their paths.

    Raises:
        InternalError: A name would lead out of the folder.
        InvalidArgumentError: The folder cannot be written to.
    """
    for name in files:
        if Path(name).name != name:
            raise InternalError(f"The service sent a file named {name!r}; nothing is written outside {folder}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InvalidArgumentError.of(
            "folder", f"{folder} cannot be written to: {error.strerror}. Name another folder."
        ) from error
    return [folder / name for name in files]
