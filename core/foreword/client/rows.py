"""Conversion of the training data that callers pass into bytes."""

from __future__ import annotations

import json
import math
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from os import PathLike
from pathlib import Path
from typing import IO, Any, Protocol

from foreword.client.message import text_problem
from foreword.domain.dataset import Row
from foreword.errors import InvalidArgumentError

CHUNK_BYTES = 256 * 1024
_COLUMNS = ("input", "output")
_EXTENSIONS = (".jsonl", ".json", ".csv", ".parquet", ".arrow")
_MOST_OF_A_NAME = 180
"""Characters of a display name, of at most 200, that leave room for a suffix."""


class Frame(Protocol):
    """The part of a pandas DataFrame that is used here, without importing pandas."""

    columns: Any

    def astype(self, dtype: Any, /) -> Any:
        """Return the frame with cells of another type."""

    def notna(self) -> Any:
        """Return which cells have a value."""


Pairs = Iterable[tuple[Any, Any]]
Rows = str | PathLike[str] | bytes | Frame | Iterable[Row] | Iterable[Mapping[str, Any]] | Iterable[str] | Pairs
"""Training data: the path of a file or of the folder of a dataset, its bytes, or the rows themselves.

Rows are a pandas DataFrame with the columns `input` and `output`, or any iterable of mappings with these keys or of
pairs of input and output. Unlabelled rows need no `output`, and may be plain texts. Their other columns are kept.
"""


class RowsLeftOutWarning(UserWarning):
    """A warning about rows of a file that an upload leaves out, such as tasks without an annotation."""


def chunks(
    rows: Rows, *, unlabelled: bool = False, input_column: str = "", output_column: str = ""
) -> Callable[[], Iterator[bytes]]:
    """Return a function that yields the bytes of the data from the start, so that an upload can be repeated.

    Args:
        unlabelled: Whether the rows need only inputs, and may be texts.
        input_column: Name of the column with the inputs of a file, if it is set.
        output_column: Name of the column with the outputs of a file, if it is set.

    Warns:
        RowsLeftOutWarning: Tasks of Label Studio without an output are left out.

    Raises:
        InvalidArgumentError: The file cannot be read, or an item is not a row.
    """
    if isinstance(rows, (str, PathLike)):
        return _file_chunks(Path(rows), input_column, output_column)
    content = rows if isinstance(rows, bytes) else _jsonl(rows, unlabelled)
    return lambda: (content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES))


def may_be_stored(rows: object) -> bool:
    """Return whether data is a text that names no file, but may be the id or display name of a stored dataset."""
    if not isinstance(rows, str) or not rows.strip() or "\0" in rows:
        return False
    path = Path(rows)
    if len(path.parts) != 1 or path.suffix.lower() in _EXTENSIONS:
        return False
    try:
        return not path.exists()
    except OSError:  # too long for the name of a file
        return True


def default_name(rows: Rows) -> str:
    """Return the default name of data: the name of the file without its extension."""
    return Path(rows).stem if isinstance(rows, (str, PathLike)) else "dataset"


def validation_name(rows: Rows, name: str) -> str:
    """Return the default name of held-out data for a run: the name of the file, or one like that of the run."""
    return default_name(rows) if isinstance(rows, (str, PathLike)) else f"{name[:_MOST_OF_A_NAME]} validation"


def examples_name(rows: Rows, name: str) -> str:
    """Return the default name of data from which examples are taken: the name of the file, or one like `name`."""
    return default_name(rows) if isinstance(rows, (str, PathLike)) else f"{name[:_MOST_OF_A_NAME]} examples".lstrip()


def _file_chunks(path: Path, input_column: str, output_column: str) -> Callable[[], Iterator[bytes]]:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return _Pipe(path).chunks
        if not path.is_dir():
            path.open("rb").close()
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidArgumentError.of(
            "rows", f"{path} cannot be read: {why}. Pass the path of a JSONL, JSON, CSV or Parquet file."
        ) from error

    said: set[str] = set()

    def note(text: str) -> None:
        if text not in said:  # an upload may be repeated
            said.add(text)
            warnings.warn(text, RowsLeftOutWarning, stacklevel=2)

    def read() -> Iterator[bytes]:
        from foreword.client.exchange.row_source import source_chunks  # late, for those who upload no file

        try:
            yield from source_chunks(path, input_column=input_column, output_column=output_column, note=note)
        except OSError as error:  # the file or its disk has become unavailable in the meantime
            raise _unreadable(path, error) from error

    return read


class _Pipe:
    """A file that can be read only once, such as `/dev/stdin` or `<(zcat rows.gz)`, kept so that it can be resent.

    It is read as it is sent, never ahead. The service refuses an endless one once it is too large, and no more than
    that is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._ended = False
        # A failed attempt may still be waiting for a chunk, on a thread of gRPC, when the next one begins.
        self._reading = threading.Lock()

    def chunks(self) -> Iterator[bytes]:
        """Yield everything from the start: first the kept chunks, then the rest."""
        for place in count():
            chunk = self._chunk(place)
            if not chunk:
                return
            yield chunk

    def _chunk(self, place: int) -> bytes:
        """Return the chunk at an index; empty beyond the end."""
        with self._reading:
            if place == len(self._kept) and not self._ended:
                self._read()
            return self._kept[place] if place < len(self._kept) else b""

    def _read(self) -> None:
        try:
            if self._file is None:
                # Opened late and only once: the writer of a named pipe stops when its reader closes it.
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
    return InvalidArgumentError.of("rows", f"{path} cannot be read: {error.strerror}. Check the file and try again.")


def _jsonl(rows: Any, unlabelled: bool) -> bytes:
    """Return rows as JSONL. Their content is not checked here: the service reports faults by row."""
    if _is_frame(rows):
        rows = _unlabelled_frame_rows(rows) if unlabelled else _frame_rows(rows, _COLUMNS)
    if not isinstance(rows, Iterable):
        raise InvalidArgumentError.of("rows", f"must be a path, bytes, a frame or rows, not a {type(rows).__name__}")
    return b"".join(_json_line(number, row, unlabelled) for number, row in enumerate(rows, start=1))


def _is_frame(rows: Any) -> bool:
    return all(hasattr(rows, name) for name in ("columns", "astype", "notna"))


def _frame_rows(frame: Frame, columns: Sequence[str]) -> Iterable[Mapping[str, Any]]:
    """Return the rows of a frame. Cells without a value become None, which the service reports by row.

    Raises:
        InvalidArgumentError: The frame lacks a column.
    """
    _check_columns([str(name) for name in frame.columns], columns)
    cells = frame.astype(object).where(frame.notna(), None)[list(columns)]
    return (dict(zip(columns, values, strict=True)) for values in cells.itertuples(index=False, name=None))


def _check_columns(names: Sequence[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if names.count(name) != 1]
    if missing:
        raise InvalidArgumentError.of(
            "rows",
            f"must be a frame with one column {' and one column '.join(missing)}; its columns are "
            f"{', '.join(names) or 'none'}. Rename the right ones with frame.rename(columns={{...}})",
        )


def _unlabelled_frame_rows(frame: Frame) -> Iterable[Mapping[str, Any]]:
    """Return the rows of a frame with all of its columns. Cells that JSON does not have, such as times, become texts.

    Raises:
        InvalidArgumentError: The frame lacks the column `input`.
    """
    names = [str(name) for name in frame.columns]
    _check_columns(names, ("input",))
    others = [place for place, name in enumerate(names) if name != "input"]
    place_of_input = names.index("input")
    cells = frame.astype(object).where(frame.notna(), None)
    for values in cells.itertuples(index=False, name=None):
        kept = {names[place]: _json_value(values[place]) for place in others}
        yield {**kept, "input": values[place_of_input]}


def _json_value(value: Any) -> Any:
    """Return a cell as JSON has it: a number or a text."""
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _json_line(number: int, row: Any, unlabelled: bool) -> bytes:
    value = row
    if isinstance(row, Row):
        others = json.loads(row.fields) if unlabelled and row.fields else {}
        value = {**others, "input": row.input, "output": row.output}
    elif unlabelled and isinstance(row, str):
        value = {"input": row}
    elif isinstance(row, (tuple, list)) and len(row) == len(_COLUMNS):
        value = dict(zip(_COLUMNS, row, strict=True))
    if not isinstance(value, Mapping):
        wanted = (
            "a text, or a mapping with input" if unlabelled else "a mapping with input and output, or a pair of them"
        )
        raise InvalidArgumentError.of(
            f"rows[{number}]",
            f"must be {wanted}, not a {type(row).__name__}"
            + (f" of {len(row)}" if isinstance(row, (tuple, list)) else ""),
        )
    try:
        text = json.dumps(dict(value), ensure_ascii=False, default=_plain)
        if text_problem(text):  # it can be sent escaped, and the service reports the row
            text = json.dumps(dict(value), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError.of(f"rows[{number}]", f"cannot be written as JSON: {error}") from None
    return text.encode() + b"\n"


def _plain(value: Any) -> Any:
    """Return a number from a NumPy array or a pandas frame as a Python number."""
    if hasattr(value, "item"):
        return value.item()
    raise InvalidArgumentError.of("rows", f"contain a value of type {type(value).__name__}; convert it to text")
