"""Writing the files of an adapter to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foreword.client.paths import check_path
from foreword.errors import InternalError, InvalidArgumentError
from foreword.private_files import make_private_folder, open_private


def check_folder(folder: Path) -> None:
    """Check, as far as possible in advance, that a folder can be created or written to.

    Raises:
        InvalidArgumentError: The path is a file, or cannot be a path.
    """
    check_path("folder", folder)
    if folder.exists() and not folder.is_dir():
        raise InvalidArgumentError.of("folder", f"{folder} is a file. Choose a folder, which may be new.")


def write_files(folder: Path, files: Mapping[str, bytes | bytearray]) -> list[Path]:
    """Write files by name into a folder, which is created if necessary. Only the owner can read what is created.

    Returns:
        The paths of the files.

    Raises:
        InternalError: The name of a file leads out of the folder.
        InvalidArgumentError: The folder cannot be written to.
    """
    for name in files:
        if Path(name).name != name:
            raise InternalError(f"The service sent a file named {name!r}; refusing to write outside {folder}.")
    try:
        make_private_folder(folder)
        for name, content in files.items():
            with open_private(folder / name, "wb") as stream:
                stream.write(content)
    except OSError as error:
        raise InvalidArgumentError.of(
            "folder", f"{folder} cannot be written to: {error.strerror}. Choose another folder."
        ) from error
    return [folder / name for name in files]
