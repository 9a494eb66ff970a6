"""Reads rows from a file that arrives in chunks of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from foreword.data.csv_records import CsvReader
from foreword.data.detect import BYTE_ORDER_MARK, FORMATS, HEAD_BYTES, detect_format, foreign_file
from foreword.data.json_array import ArrayReader
from foreword.data.lines import LineReader
from foreword.data.record import fault
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.errors import InvalidArgumentError

MAX_FAULTS = 10_000
"""Faulty rows after which reading stops: such a file is something else, and to go through all of it takes minutes."""

_PIECE_BYTES = 1 << 16


class FormatReader(Protocol):
    """Reads one format. `row_count` counts the rows read so far, the faulty ones included."""

    row_count: int

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Takes the next bytes; yields what they complete."""

    def finish(self) -> Iterator[Row | Finding]:
        """Ends the file; yields what is left."""


_READERS: dict[str, type[FormatReader]] = {"jsonl": LineReader, "json": ArrayReader, "csv": CsvReader}


class RowReader:
    """Reads JSONL, a JSON array or CSV; a byte order mark and any line end are fine.

    Memory is bounded by one row (1 MiB), whatever the bytes. Nothing in a file raises: what cannot be read is a
    finding. How the file is cut into chunks changes nothing.

    Args:
        format: `jsonl`, `json` or `csv`; empty to read it from the content.

    Raises:
        InvalidArgumentError: There is no such format.
    """

    def __init__(self, format: str = "") -> None:
        if format and format not in FORMATS:
            raise InvalidArgumentError.of(
                "format", f"must be one of {', '.join(FORMATS)} or unset, not {format[:40]!r}"
            )
        self._asked = format
        self._format = format
        self._head = bytearray()
        self._reader: FormatReader | None = None
        self._stopped = False
        self._fault_count = 0

    @property
    def format(self) -> str:
        """The format that is read; `jsonl` until it is known."""
        return self._format or "jsonl"

    @property
    def row_count(self) -> int:
        """Rows read so far, the faulty ones included."""
        return self._reader.row_count if self._reader else 0

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Takes the next bytes; yields rows and findings in the order of the file. Consume the iterator."""
        view = memoryview(chunk)
        for start in range(0, len(view), _PIECE_BYTES):
            if self._stopped:
                return
            yield from self._bounded(self._feed(bytes(view[start : start + _PIECE_BYTES])))

    def finish(self) -> Iterator[Row | Finding]:
        """Ends the file; yields what is left. Consume the iterator."""
        if not self._stopped and self._reader is None:
            yield from self._bounded(self._begin(whole=True))
        if not self._stopped and self._reader is not None:
            yield from self._bounded(self._reader.finish())

    def _bounded(self, items: Iterable[Row | Finding]) -> Iterator[Row | Finding]:
        """The items, until there are too many faults."""
        for item in items:
            yield item
            self._fault_count += isinstance(item, Finding) and item.severity is Severity.ERROR
            if self._fault_count == MAX_FAULTS:
                self._stopped = True
                yield fault(
                    "TOO_MANY_FAULTS",
                    f"Reading stopped at row {self.row_count:,} after {MAX_FAULTS:,} faults.",
                    f"Check that the file is {self.format}, with input and output in each row.",
                )
                return

    def _feed(self, piece: bytes) -> Iterator[Row | Finding]:
        if self._reader is not None:
            yield from self._reader.feed(piece)
        else:
            self._head += piece
            yield from self._begin(whole=False)

    def _begin(self, *, whole: bool) -> Iterator[Row | Finding]:
        """Chooses the reader once enough of the file is here."""
        if len(self._head) < 4 and not whole:
            return
        foreign = foreign_file(bytes(self._head[:4]))
        if foreign is not None:
            self._stopped = True
            self._head.clear()
            yield foreign
            return
        head = bytes(self._head).removeprefix(BYTE_ORDER_MARK)
        whole = whole or len(head) >= HEAD_BYTES
        format = self._asked or detect_format(head[:HEAD_BYTES], whole=whole)
        if format is None:
            return
        self._format = format
        self._reader = _READERS[format]()
        self._head.clear()
        yield from self._reader.feed(head)
