"""Training data as callers pass it, in bytes."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from os import PathLike
from pathlib import Path
from typing import IO, Any, Protocol

from foreword.client.message import text_problem
from foreword.domain.dataset import Row
from foreword.errors import InvalidArgumentError

CHUNK_BYTES = 256 * 1024
_COLUMNS = ("input", "output")


class Frame(Protocol):
    """A pandas DataFrame, which nothing here imports."""

    columns: Any

    def astype(self, dtype: Any, /) -> Any:
        """The frame with cells of another type."""

    def notna(self) -> Any:
        """Which cells hold a value."""


Pairs = Iterable[tuple[Any, Any]]
Rows = str | PathLike[str] | bytes | Frame | Iterable[Row] | Iterable[Mapping[str, Any]] | Pairs
"""Training data: the path of a file, its bytes, or the rows themselves.

Rows are a pandas DataFrame with the columns `input` and `output`, or any iterable of mappings with these keys or of
pairs of input and output.
"""


def chunks(rows: Rows) -> Callable[[], Iterator[bytes]]:
    """A function that starts the bytes of the data anew, so that an upload can be repeated.

    Raises:
        InvalidArgumentError: The file cannot be read, or something is no row.
    """
    if isinstance(rows, (str, PathLike)):
        return _file_chunks(Path(rows))
    content = rows if isinstance(rows, bytes) else _jsonl(rows)
    return lambda: (content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES))


def default_name(rows: Rows) -> str:
    """A name for data that was given none: the file's, without its ending."""
    return Path(rows).stem if isinstance(rows, (str, PathLike)) else "dataset"


def _file_chunks(path: Path) -> Callable[[], Iterator[bytes]]:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return _Pipe(path).chunks
        path.open("rb").close()
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidArgumentError.of(
            "rows", f"{path} cannot be read: {why}. Name a JSONL, JSON or CSV file."
        ) from error

    def read() -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except OSError as error:  # it went away, or its disk did, since it was named
            raise _unreadable(path, error) from error

    return read


class _Pipe:
    """What can be read once only, such as `/dev/stdin` or `<(zcat rows.gz)`, kept so that it can be sent again.

    It is read as it is sent, never ahead: one that does not end is refused by the service once it is too large, and
    only so much of it was kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._ended = False
        # An attempt that failed may still be waiting for a chunk, on a thread of gRPC's, when the next one begins.
        self._reading = threading.Lock()

    def chunks(self) -> Iterator[bytes]:
        """Everything from the start: first what is kept, then the rest."""
        for place in count():
            chunk = self._chunk(place)
            if not chunk:
                return
            yield chunk

    def _chunk(self, place: int) -> bytes:
        """The chunk in a place; empty beyond the end."""
        with self._reading:
            if place == len(self._kept) and not self._ended:
                self._read()
            return self._kept[place] if place < len(self._kept) else b""

    def _read(self) -> None:
        try:
            if self._file is None:
                # Not before, and only once: a named pipe takes a reader who goes away for the last one.
                self._file = self._path.open("rb")
                weakref.finalize(self, self._file.close)
            chunk = self._file.read(CHUNK_BYTES)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if chunk:
            self._kept.append(chunk)
        else:
            self._ended = True
            self._file.close()


def _unreadable(path: Path, error: OSError) -> InvalidArgumentError:
    return InvalidArgumentError.of("rows", f"{path} cannot be read: {error.strerror}.")


def _jsonl(rows: Any) -> bytes:
    """Rows as JSONL. Their content is not checked here: the service names every fault by its row."""
    if _is_frame(rows):
        rows = _frame_rows(rows)
    if not isinstance(rows, Iterable):
        raise InvalidArgumentError.of("rows", f"must be a path, bytes, a frame or rows, not a {type(rows).__name__}")
    return b"".join(_json_line(number, row) for number, row in enumerate(rows, start=1))


def _is_frame(rows: Any) -> bool:
    return all(hasattr(rows, name) for name in ("columns", "astype", "notna"))


def _frame_rows(frame: Frame) -> Iterable[tuple[Any, Any]]:
    """The rows of a frame as pairs; cells without a value are None, which the service refuses by row.

    Raises:
        InvalidArgumentError: It lacks a column.
    """
    names = [str(name) for name in frame.columns]
    missing = [name for name in _COLUMNS if names.count(name) != 1]
    if missing:
        raise InvalidArgumentError.of(
            "rows",
            f"must be a frame with one column {' and one column '.join(missing)}; its columns are "
            f"{', '.join(names) or 'none'}. Rename those that you mean, with frame.rename(columns={{...}})",
        )
    cells = frame.astype(object).where(frame.notna(), None)[list(_COLUMNS)]
    pairs: Iterable[tuple[Any, Any]] = cells.itertuples(index=False, name=None)
    return pairs


def _json_line(number: int, row: Any) -> bytes:
    value = row
    if isinstance(row, Row):
        value = {"input": row.input, "output": row.output}
    elif isinstance(row, (tuple, list)) and len(row) == len(_COLUMNS):
        value = dict(zip(_COLUMNS, row, strict=True))
    if not isinstance(value, Mapping):
        raise InvalidArgumentError.of(
            f"rows[{number}]",
            f"must be a mapping with input and output, or a pair of them, not a {type(row).__name__}"
            + (f" of {len(row)}" if isinstance(row, (tuple, list)) else ""),
        )
    try:
        text = json.dumps(dict(value), ensure_ascii=False, default=_plain)
        if text_problem(text):  # escaped it can be sent, and the service names the row
            text = json.dumps(dict(value), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError.of(f"rows[{number}]", f"cannot be written as JSON: {error}") from None
    return text.encode() + b"\n"


def _plain(value: Any) -> Any:
    """A number out of a NumPy array or a pandas frame as JSON can hold it."""
    if hasattr(value, "item"):
        return value.item()
    raise InvalidArgumentError.of("rows", f"a value is a {type(value).__name__}; write it as text")
