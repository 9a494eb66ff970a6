"""The bytes of a file of rows; those of other programs as JSONL, so that one reader reads all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from foreword.client.exchange.arrow_tables import table_records
from foreword.client.exchange.label_studio import is_label_studio, label_studio_records

_CHUNK_BYTES: Final = 256 * 1024


def is_table(path: Path) -> bool:
    """Return whether a path is a Parquet or Arrow file, or a folder of a dataset."""
    return path.is_dir() or path.suffix.lower() in (".parquet", ".arrow")


def source_chunks(
    path: Path,
    *,
    split: str = "",
    input_column: str = "",
    output_column: str = "",
    note: Callable[[str], object] = str,
) -> Iterator[bytes]:
    """Yield the bytes of a file, or its rows as lines of JSONL if it is one of another program.

    Parquet files, folders of Hugging Face datasets and exports of Label Studio become JSONL whose line numbers are the
    places of the rows or tasks. Lines of tasks without an output are blank.

    Args:
        split: Split of a folder with several.
        input_column: Name of the column with the inputs, if it is set.
        output_column: Name of the column with the outputs, if it is set.
        note: Called with a sentence about what is left out; by default, nothing happens.

    Raises:
        FailedPreconditionError: pyarrow is needed and not installed.
        InvalidArgumentError: The file cannot be read.
    """
    if is_table(path):
        records: Iterator[dict[str, object] | None] = table_records(path, split=split)
    elif path.is_file() and is_label_studio(path):
        records = label_studio_records(path, input_column=input_column, output_column=output_column, note=note)
    else:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
        return
    pending = bytearray()
    for record in records:
        pending += b"" if record is None else _line(record)
        pending += b"\n"
        if len(pending) >= _CHUNK_BYTES:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


def _line(record: dict[str, object]) -> bytes:
    text = json.dumps(record, ensure_ascii=False, default=str)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which is a fault of its row
        return json.dumps(record, default=str).encode()
