"""Training data as callers pass it, in bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from foreword.client.message import text_problem
from foreword.domain.dataset import Row
from foreword.errors import InvalidArgumentError

CHUNK_BYTES = 256 * 1024

Rows = str | PathLike[str] | bytes | Iterable[Row] | Iterable[Mapping[str, Any]]
"""Training data: the path of a file, its bytes, or the rows themselves."""


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
            raise InvalidArgumentError.of("rows", f"{path} cannot be read: {error.strerror}.") from error

    return read


def _jsonl(rows: Iterable[Row] | Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as JSONL. Their content is not checked here: the service names every fault by its row."""
    if not isinstance(rows, Iterable):
        raise InvalidArgumentError.of("rows", f"must be a path, bytes or rows, not a {type(rows).__name__}")
    return b"".join(_json_line(number, row) for number, row in enumerate(rows, start=1))


def _json_line(number: int, row: Any) -> bytes:
    value = {"input": row.input, "output": row.output} if isinstance(row, Row) else row
    if not isinstance(value, Mapping):
        raise InvalidArgumentError.of(
            f"rows[{number}]", f"must be a mapping with input and output, not a {type(row).__name__}"
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
