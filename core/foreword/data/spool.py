"""Rows that are being checked, in a temporary file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from foreword.data.rows import read_rows, with_number, write_row
from foreword.domain.dataset import Row
from foreword.errors import UnavailableError

_BUFFER_BYTES: Final = 2**18
_HELD_BYTES: Final = 2**16


class RowSpool:
    """The stored form of rows, written as they are checked.

    The file has no name, and only the owner of the process can read it. The operating system removes it when it is
    closed or the process ends, even if the process is killed.

    Attributes:
        row_count: Number of rows so far.
        byte_size: Size of the file so far in bytes.

    Args:
        folder: Folder on the disk that holds the file; None for that of temporary files.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._opened: IO[bytes] | None = None
        self._content = hashlib.sha256()
        self._stored = self._content
        self._lines: list[bytes] = []  # that are not hashed and written yet
        self._held = 0
        self.row_count = 0
        self.byte_size = 0

    @property
    def content_sha256(self) -> str:
        """SHA-256 of the rows so far without their numbers, in hexadecimal."""
        self._write()
        return self._content.hexdigest()

    @property
    def stored_sha256(self) -> str:
        """SHA-256 of the file so far, in hexadecimal: that of the content if no row needs its number."""
        self._write()
        return self._stored.hexdigest()

    def add(self, row: Row) -> None:
        """Write a row.

        Raises:
            UnavailableError: The disk is full.
        """
        content = write_row(row)
        line = with_number(content, row.number, self.row_count + 1)
        if line != content and self._stored is self._content:
            self._write()
            self._stored = self._content.copy()
        if self._opened is None:
            with _translated():
                self._file()
        self._lines.append(line)
        if self._stored is not self._content:
            self._content.update(content)
        self.row_count += 1
        self.byte_size += len(line)
        self._held += len(line)
        if self._held > _HELD_BYTES:
            self._write()

    def rows(self) -> Iterator[Row]:
        """Read the rows in their order."""
        return read_rows(self.file())

    def file(self) -> IO[bytes]:
        """Return the file at its start. The spool remains its owner.

        Raises:
            UnavailableError: The disk is full.
        """
        self._write()
        with _translated():
            self._file().seek(0)  # which also writes what is buffered
            return self._file()

    def close(self) -> None:
        """Remove the file."""
        if self._opened is not None:
            with _translated():
                self._opened.close()

    def _write(self) -> None:
        """Hash and write the lines that are held.

        Raises:
            UnavailableError: The disk is full.
        """
        if self._lines:
            lines = b"".join(self._lines)
            self._lines.clear()
            self._held = 0
            self._stored.update(lines)
            with _translated():
                self._file().write(lines)

    def _file(self) -> IO[bytes]:
        """Return the temporary file, which the first row creates."""
        if self._opened is None:
            self._opened = tempfile.TemporaryFile(dir=self._folder, buffering=_BUFFER_BYTES)  # noqa: SIM115 - see close
        return self._opened


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise UnavailableError(
            f"The rows cannot be written to a temporary file ({cause}). Try again; if the problem persists, check the "
            "free space of the service.",
            reason="SPOOL_UNAVAILABLE",
            operator_message=f"Rows cannot be written to a temporary file ({error}). Check the free space of "
            "FOREWORD_HOME.",
        ) from error
