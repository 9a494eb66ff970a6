"""A folder for a Unix socket, which the next process removes if this one is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "foreword-"
_LOCK: Final = "lock"


class SocketFolder:
    """A new folder among the temporary files that only the user of this process can open. Not for Windows.

    A lock in it is held as long as the process lives. Folders of the same user whose lock nobody holds are removed.
    """

    def __init__(self) -> None:
        import fcntl

        _remove_abandoned()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))  # of mode 700
        new = self.path / f"{_LOCK}.new"
        self._lock = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        new.rename(self.path / _LOCK)  # nobody else sees it before it is locked

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_abandoned() -> None:
    """Remove the folders of processes that were killed."""
    import fcntl

    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):  # it belongs to another user or a living process, or is gone
            if lock.parent.lstat().st_uid != os.getuid():
                continue
            held = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(held)
