"""Artifacts: immutable files below a prefix, in a folder or in any object store that fsspec supports."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from foreword.errors import AlreadyExistsError, ArtifactError
from foreword.private_files import make_private_folder, open_private
from foreword.storage.artifacts.keys import check_key
from foreword.storage.artifacts.outages import MISSING, as_os_error, translate_outages
from foreword.storage.artifacts.store_urls import open_store

_TEMPORARY = ".tmp"
_TEMPORARY_SECONDS = 24 * 3600
_COMPLETE = ".complete"

_PIECE_BYTES = 2**20

Content = bytes | IO[bytes]
"""The content of a file to store: bytes, or an open file, seekable, which is read from its start."""

FAILPOINTS = ("artifacts.file_written", "artifacts.before_rename", "artifacts.after_rename")
"""The points at which `failpoint` is called, for tests that kill the process there."""


class ArtifactStore:
    """A store that writes artifacts atomically and never changes them.

    Methods block and may be called from any thread. Keys are checked, so that none points outside the root. Every
    method raises UnavailableError if the store is unavailable or full; the request can be repeated later.

    Args:
        url: A folder, or any fsspec URL.
        failpoint: Called with a name of FAILPOINTS when that point is reached.

    Raises:
        InvalidArgumentError: The URL is invalid or needs a driver that is not installed.
        UnavailableError: The root folder cannot be created.
    """

    def __init__(self, url: str | Path, *, failpoint: Callable[[str], None] = lambda _: None) -> None:
        self._place = open_place(url, failpoint)

    @property
    def folder(self) -> Path | None:
        """The folder that holds the artifacts; None for an object store."""
        return self._place.folder

    @translate_outages()
    def write(self, prefix: str, files: Mapping[str, Content]) -> None:
        """Store files below a prefix. Storing the same files again has no effect.

        Raises:
            AlreadyExistsError: The prefix already holds other content.
        """
        check_key(prefix)
        assert files
        for name in files:
            assert "/" not in check_key(name)
        self._place.write(prefix, files)

    def read(self, prefix: str, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            ArtifactError: The file is missing.
        """
        with self.open(prefix, name) as stream:
            return as_os_error(stream.read)

    @contextmanager
    def open(self, prefix: str, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading for the duration of the block.

        Raises:
            ArtifactError: The file is missing.
        """
        with translate_outages(), self._opened(prefix, name) as stream:
            yield stream

    @translate_outages()
    def exists(self, prefix: str) -> bool:
        """Return whether the prefix holds a complete artifact."""
        return self._place.exists(check_key(prefix))

    @translate_outages()
    def names(self, prefix: str) -> list[str]:
        """Return the names of the files of a complete artifact; none if there is no such artifact."""
        key = check_key(prefix)
        return list(self._place.names(key)) if self._place.exists(key) else []

    @translate_outages()
    def delete(self, prefix: str) -> None:
        """Delete the files of a prefix. It has no effect if there are none."""
        self._place.delete(check_key(prefix))

    def _opened(self, prefix: str, name: str) -> BinaryIO:
        try:
            return self._place.open(check_key(f"{prefix}/{name}"))
        except MISSING:
            raise ArtifactError(
                f"The artifact {prefix}/{name} is missing from the store. Restore it from a backup, or create it "
                "again.",
                reason="ARTIFACT_MISSING",
                metadata={"artifact": f"{prefix}/{name}"},
            ) from None


class Place(ABC):
    """A place for files. Callers have checked the keys. Methods raise OSError if the place is unavailable or full.

    Attributes:
        folder: The folder of this machine that is the place; None for other places.
    """

    folder: Path | None = None

    @abstractmethod
    def write(self, prefix: str, files: Mapping[str, Content]) -> None:
        """Store all files of an artifact, or none."""

    @abstractmethod
    def write_file(self, key: str, content: bytes) -> None:
        """Store one file atomically, replacing an existing one."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """Open a file for reading, or raise FileNotFoundError."""

    @abstractmethod
    def names(self, prefix: str) -> list[str]:
        """Return the names of the files directly below a prefix."""

    @abstractmethod
    def exists(self, prefix: str) -> bool:
        """Return whether a prefix holds a complete artifact."""

    @abstractmethod
    def delete(self, prefix: str) -> None:
        """Delete a file, or all files below a prefix."""

    def _check_same(self, prefix: str, files: Mapping[str, Content]) -> None:
        """Raise AlreadyExistsError unless the artifact consists of these files."""
        if set(self.names(prefix)) != set(files):
            raise _other_content(prefix)
        for name, content in files.items():
            with self.open(f"{prefix}/{name}") as stored:
                if any(found != expected for found, expected in zip_longest(_pieces(stored), _pieces(content))):
                    raise _other_content(prefix)


@translate_outages()
def open_place(url: str | Path, failpoint: Callable[[str], None]) -> Place:
    """Return the place that a URL refers to.

    Raises:
        InvalidArgumentError: The URL names a place that cannot hold artifacts; see `open_store`.
        UnavailableError: The folder cannot be created.
    """
    store = open_store(url)
    return _Folder(store, failpoint) if isinstance(store, Path) else _ObjectStore(*store, failpoint)


class _Folder(Place):
    """A local folder: fsync makes content durable, and renaming a temporary folder makes an artifact appear at once.

    Only the owner can use the files and folders in it, whatever the permissions of the folder itself.
    """

    def __init__(self, root: Path, failpoint: Callable[[str], None]) -> None:
        make_private_folder(root)
        self.folder = self._root = root.resolve()
        self._failpoint = failpoint
        self._sweep()

    def write(self, prefix: str, files: Mapping[str, Content]) -> None:
        target = self._path(prefix)
        if not self.exists(prefix):  # a folder without files is not an artifact: renaming replaces it
            temporary = self._temporary()
            make_private_folder(temporary)
            try:
                for name, content in files.items():
                    _write_durably(temporary / name, content)
                    self._failpoint("artifacts.file_written")
                _sync_folder(temporary)
                self._make_parents(target)
                self._failpoint("artifacts.before_rename")
                try:
                    temporary.rename(target)
                except OSError as error:
                    # Another process was faster: a folder cannot replace one that holds files.
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        _sync_folder(target.parent)
        self._failpoint("artifacts.after_rename")
        self._check_same(prefix, files)

    def write_file(self, key: str, content: bytes) -> None:
        target, temporary = self._path(key), self._temporary()
        try:
            _write_durably(temporary, content)
            self._failpoint("artifacts.file_written")
            self._make_parents(target)
            self._failpoint("artifacts.before_rename")
            temporary.rename(target)
            _sync_folder(target.parent)
            self._failpoint("artifacts.after_rename")
        finally:
            temporary.unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        return self._path(key).open("rb")

    def names(self, prefix: str) -> list[str]:
        folder = self._path(prefix)
        return [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []

    def exists(self, prefix: str) -> bool:
        return bool(self.names(prefix))

    def delete(self, prefix: str) -> None:
        path = self._path(prefix)
        if path.is_dir():
            # Rename it first, so that no reader sees a partially deleted artifact.
            doomed = self._temporary()
            with suppress(FileNotFoundError):
                path.rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        self._require_root()
        path = self._root / key
        # A symbolic link below the root could lead outside.
        if not path.resolve().is_relative_to(self._root):
            raise FileNotFoundError(key)
        return path

    def _require_root(self) -> None:
        """Raise OSError if the folder was deleted or unmounted. Creating it again could hide that."""
        if not self._root.is_dir():
            raise OSError(errno.ENODEV, "its folder is missing", str(self._root))

    def _temporary(self) -> Path:
        self._require_root()
        folder = self._root / _TEMPORARY
        make_private_folder(folder)
        return folder / secrets.token_hex(8)

    def _sweep(self) -> None:
        """Remove old temporary files of processes that were killed. Recent files may still be in use."""
        for path in (self._root / _TEMPORARY).glob("*"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _TEMPORARY_SECONDS:
                    path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)

    def _make_parents(self, target: Path) -> None:
        missing = [parent for parent in target.parents if not parent.exists()]
        make_private_folder(target.parent)
        for parent in missing:
            _sync_folder(parent.parent)


class _ObjectStore(Place):
    """An object store: each object appears atomically, and a marker that is written last makes an artifact complete."""

    def __init__(self, system: Any, root: str, failpoint: Callable[[str], None]) -> None:
        self._system = system
        self._root = root
        self._failpoint = failpoint

    def write(self, prefix: str, files: Mapping[str, Content]) -> None:
        if self.exists(prefix):
            self._check_same(prefix, files)
            return
        for name, content in files.items():
            if isinstance(content, bytes):
                as_os_error(self._system.pipe_file, self._path(f"{prefix}/{name}"), content)
            else:
                as_os_error(self._copy, self._path(f"{prefix}/{name}"), content)
            self._failpoint("artifacts.file_written")
        self._failpoint("artifacts.before_rename")
        as_os_error(self._system.pipe_file, self._path(f"{prefix}/{_COMPLETE}"), b"")
        self._failpoint("artifacts.after_rename")

    def _copy(self, path: str, content: IO[bytes]) -> None:
        with self._system.open(path, "wb") as stream:
            for piece in _pieces(content):
                stream.write(piece)

    def write_file(self, key: str, content: bytes) -> None:
        as_os_error(self._system.pipe_file, self._path(key), content)
        self._failpoint("artifacts.file_written")

    def open(self, key: str) -> BinaryIO:
        return cast("BinaryIO", as_os_error(self._system.open, self._path(key), "rb"))

    def names(self, prefix: str) -> list[str]:
        # A cached listing of fsspec would miss the files of other processes.
        self._system.invalidate_cache()
        try:
            found = as_os_error(self._system.ls, self._path(prefix), detail=False)
        except FileNotFoundError:
            return []
        return [name for name in (path.rsplit("/", 1)[-1] for path in found) if name != _COMPLETE]

    def exists(self, prefix: str) -> bool:
        self._system.invalidate_cache()
        return bool(as_os_error(self._system.exists, self._path(f"{prefix}/{_COMPLETE}")))

    def delete(self, prefix: str) -> None:
        self._system.invalidate_cache()
        with suppress(FileNotFoundError):
            as_os_error(self._system.rm, self._path(f"{prefix}/{_COMPLETE}"))
        with suppress(FileNotFoundError):
            as_os_error(self._system.rm, self._path(prefix), recursive=True)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _pieces(content: Content) -> Iterator[bytes]:
    """Return the content in pieces that fit into memory, all of the same size but the last."""
    if isinstance(content, bytes):
        return (content[start : start + _PIECE_BYTES] for start in range(0, len(content), _PIECE_BYTES))
    as_os_error(content.seek, 0)
    return iter(lambda: as_os_error(content.read, _PIECE_BYTES), b"")


def _write_durably(path: Path, content: Content) -> None:
    with open_private(path, "xb") as stream:
        for piece in _pieces(content):
            stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(path: Path) -> None:
    """Make the directory entries of a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _other_content(prefix: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        f"The artifact {prefix} already exists with other content, and artifacts never change. Use another key.",
        reason="ARTIFACT_EXISTS",
        metadata={"artifact": prefix},
    )
