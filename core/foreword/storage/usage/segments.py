"""Files of a journal of usage. A live process holds a lock on each of its files; others are left by one that died.

A line is a JSON array: tenant, day, model, requests, input tokens, output tokens, virtual tokens.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from foreword.domain.usage import UsageKey, UsageKind
from foreword.observability.logging import get_logger

SUFFIX: Final = ".journal"
KINDS: Final = (UsageKind.REQUESTS, UsageKind.INPUT_TOKENS, UsageKind.OUTPUT_TOKENS, UsageKind.VIRTUAL_TOKENS)
"""What the numbers of a line are, in this order."""
_FIELDS: Final = 3 + len(KINDS)
_log = get_logger("usage")


@dataclass(slots=True, eq=False)
class Segment:
    """A file of a journal that this process has locked.

    Attributes:
        id: Its name without the suffix, unique among all servers.
        size: Number of bytes written.
        rolled: Number of bytes that are part of the sums in the database.
    """

    id: str
    path: Path
    descriptor: int
    size: int = 0
    rolled: int = 0

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Create an empty file.

        Raises:
            OSError: It cannot be created.
        """
        id = secrets.token_hex(16)
        path, hidden = folder / f"{id}{SUFFIX}", folder / f"{id}.new"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL
        descriptor = os.open(hidden, flags, 0o600)
        try:
            # Locked before it has the name by which other processes look for files without a lock.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(path)
        except OSError:
            os.close(descriptor)
            raise
        return cls(id, path, descriptor)

    @classmethod
    def take_over(cls, path: Path) -> Self | None:
        """Lock a file that a process has left; None if its process lives or has just deleted it."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return None
            raise
        if not status.st_nlink:
            os.close(descriptor)
            return None
        return cls(path.stem, path, descriptor, size=status.st_size)

    def append(self, line: bytes) -> None:
        """Write a line, as a whole or not at all.

        Raises:
            OSError: There is no room, or the disk fails.
        """
        written = os.write(self.descriptor, line)
        if written < len(line):
            os.ftruncate(self.descriptor, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self.size += written

    def read(self, start: int, end: int, most_bytes: int) -> tuple[Counter[UsageKey], int]:
        """Return the sums of the whole lines from `start`, and where they end.

        Args:
            end: Where to stop reading; a line that goes on behind it is left out.
            most_bytes: Number of bytes to read at most.
        """
        data = os.pread(self.descriptor, min(end - start, most_bytes), start)
        whole = data.rfind(b"\n") + 1
        sums: Counter[UsageKey] = Counter()
        for line in data[:whole].splitlines():
            for key, amount in self._amounts(line):
                sums[key] += amount
        return sums, start + whole

    def delete(self) -> None:
        """Delete the file for good, and release the lock."""
        self.path.unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # if it came back after a power failure, it would be counted again
        finally:
            os.close(folder)
        self.close()

    def close(self) -> None:
        """Release the lock, and leave the file to others."""
        os.close(self.descriptor)

    def _amounts(self, line: bytes) -> Iterator[tuple[UsageKey, int]]:
        try:
            fields = json.loads(line)
            if not isinstance(fields, list) or len(fields) != _FIELDS:
                raise ValueError("a line has another number of fields")
            tenant, day, model = (str(field) for field in fields[:3])
            numbers = [int(field) for field in fields[3:]]
        except (ValueError, TypeError):
            # After a power failure, the end of the file may be zeros. A kill leaves whole lines.
            _log.warning("usage_line_unreadable", segment=self.id)
            return
        for kind, number in zip(KINDS, numbers, strict=True):
            if number:
                yield UsageKey(tenant, day, model, kind.value), number


def line_of(tenant: str, day: str, model: str, requests: int, input: int, output: int, virtual: int) -> bytes:
    """Return the line of an answer."""
    return json.dumps([tenant, day, model, requests, input, output, virtual], separators=(",", ":")).encode() + b"\n"
