"""Files and folders that only their owner can use, whatever the umask of the process is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents. A folder that exists keeps its permissions.

    Raises:
        OSError: It cannot be created.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    if not folder.is_dir():
        folder.mkdir(mode=_FOLDER_MODE)  # raises the error that says what is in the way


def open_private(path: Path, mode: str, **options: Any) -> Any:
    """Open a file for writing, and return it as `open` does. A file that exists keeps its permissions.

    Args:
        path: Path of the file.
        mode: A mode of `open`.
        options: Other arguments of `open`.

    Raises:
        OSError: It cannot be opened.
    """
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, _FILE_MODE), **options)
