"""Hashes of the blocks of a large file, so that a reader of a part verifies only the blocks that it touches.

The hashes are a file of their own beside the large one. The database keeps the SHA-256 of that file, so that a change
of both files is noticed as well.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

from foreword.storage.artifacts.outages import as_os_error

BLOCK_BYTES: Final = 256 * 2**10
"""Size of a block. A page of rows touches one or two blocks, and 200 MB have about 760 hashes."""

MAX_HASHES_BYTES: Final = 64 * 2**20
"""Maximum size of the file of hashes; larger ones are corrupt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHashes:
    """The hashes of a file.

    Attributes:
        byte_size: Size of the file in bytes.
        sha256: SHA-256 of each block of `block_bytes`, in order; the last block may be shorter.
    """

    block_bytes: int
    byte_size: int
    sha256: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        hashes = [digest.hex() for digest in self.sha256]
        document = {"block_bytes": self.block_bytes, "byte_size": self.byte_size, "sha256": hashes}
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> BlockHashes:
        """Create hashes from their stored form, whose own hash has been verified."""
        document = json.loads(content)
        return cls(
            block_bytes=document["block_bytes"],
            byte_size=document["byte_size"],
            sha256=tuple(map(bytes.fromhex, document["sha256"])),
        )


class BlockHasher:
    """A hasher of a file that arrives in pieces of any size."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._block = hashlib.sha256()
        self._room = BLOCK_BYTES
        self._byte_size = 0
        self._hashes: list[bytes] = []

    @property
    def byte_size(self) -> int:
        """Number of bytes so far."""
        return self._byte_size

    @property
    def whole_sha256(self) -> str:
        """SHA-256 of all bytes so far, in hexadecimal."""
        return self._whole.hexdigest()

    def update(self, content: bytes) -> None:
        """Add the next bytes."""
        self._whole.update(content)
        self._byte_size += len(content)
        if len(content) < self._room:  # the usual case
            self._block.update(content)
            self._room -= len(content)
            return
        view = memoryview(content)
        while len(view) >= self._room:
            self._block.update(view[: self._room])
            view = view[self._room :]
            self._hashes.append(self._block.digest())
            self._block, self._room = hashlib.sha256(), BLOCK_BYTES
        self._block.update(view)
        self._room -= len(view)

    def hashes(self) -> BlockHashes:
        """Return the hashes of the bytes so far."""
        rest = [] if self._room == BLOCK_BYTES else [self._block.digest()]
        return BlockHashes(block_bytes=BLOCK_BYTES, byte_size=self._byte_size, sha256=(*self._hashes, *rest))


def hash_blocks(pieces: Iterable[bytes]) -> tuple[str, BlockHashes]:
    """Return the SHA-256 of a whole file, in hexadecimal, and the hashes of its blocks."""
    hasher = BlockHasher()
    for piece in pieces:
        hasher.update(piece)
    return hasher.whole_sha256, hasher.hashes()


class VerifiedFile(io.RawIOBase):
    """A file of which every block is verified before any of its bytes are returned.

    Args:
        file: The stored file, seekable. It is not closed.
        hashes: The trusted hashes.
        corrupt: Returns the error to raise if a block is not what was stored.
    """

    def __init__(self, file: BinaryIO, hashes: BlockHashes, corrupt: Callable[[], Exception]) -> None:
        self._file = file
        self._hashes = hashes
        self._corrupt = corrupt
        self._position = 0
        self._number = -1
        self._block = b""
        end = as_os_error(file.seek, 0, io.SEEK_END)
        if end != hashes.byte_size:
            raise corrupt()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position; nothing is read or verified."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._hashes.byte_size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]  # what BufferedReader passes
        """Read the next bytes of the current block.

        Raises:
            Exception: That of `corrupt`; the block is not what was stored.
        """
        if self._position >= self._hashes.byte_size:
            return 0
        number, start = divmod(self._position, self._hashes.block_bytes)
        if number != self._number:
            self._block, self._number = self._verified(number), number
        piece = self._block[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _verified(self, number: int) -> bytes:
        offset = number * self._hashes.block_bytes
        size = min(self._hashes.block_bytes, self._hashes.byte_size - offset)
        as_os_error(self._file.seek, offset)
        block = as_os_error(self._file.read, size)
        if len(block) != size or not hmac.compare_digest(hashlib.sha256(block).digest(), self._hashes.sha256[number]):
            raise self._corrupt()
        return block
