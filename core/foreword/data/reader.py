"""A reader of rows from a file that arrives in chunks of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from foreword.data.columns import COLUMNS, UNLABELLED_COLUMNS, Columns
from foreword.data.csv_records import CsvReader
from foreword.data.detect import FORMATS, HEAD_BYTES, Layout, detect_layout, foreign_file
from foreword.data.json_array import ArrayReader
from foreword.data.json_objects import ObjectsReader
from foreword.data.line_ends import BYTE_ORDER_MARK
from foreword.data.lines import LineReader
from foreword.data.record import fault
from foreword.data.transcoders import Transcoder, find_transcoder
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.errors import InvalidArgumentError
from foreword.turns.cancellation import give_way

MAX_FAULTS = 10_000
"""Number of faults after which reading stops: the file is probably something else, and all of it takes minutes."""

_PIECE_BYTES = 1 << 16
_MARK_BYTES = 1 << 10
"""Number of bytes that show how a file is encoded."""


class FormatReader(Protocol):
    """A reader of one format. `row_count` is the number of rows read so far, including faulty ones."""

    row_count: int

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield the rows and findings that they complete."""

    def finish(self) -> Iterator[Row | Finding]:
        """End the file and yield the remaining rows and findings."""


_READERS: dict[str, Callable[[Columns], FormatReader]] = {
    "jsonl": LineReader,
    "json": ArrayReader,
    "csv": CsvReader,
}


class RowReader:
    """A reader of JSONL, a JSON array or CSV, with or without a byte order mark and with any line ends.

    Other layouts are read where they are certain, with a remark: objects over several lines, a list inside an object,
    UTF-16, JSON that was encoded twice, and usual names of the columns.

    Memory is bounded by one row (1 MiB) for any content. No content raises an error: faults are reported as findings.
    The division of the file into chunks does not influence the result.

    Args:
        format: `jsonl`, `json` or `csv`; empty to detect it.
        columns: The columns that every row must have: `COLUMNS`, or `UNLABELLED_COLUMNS`.
        keep_others: Whether rows keep their other columns, as far as `other_fields` does; those of rows without outputs
            are always kept.
        input_column: Name of the column with the inputs; empty for `input` or a usual name.
        output_column: Name of the column with the outputs; empty for `output` or a usual name.

    Raises:
        InvalidArgumentError: The format is unknown, or a name is too long or set twice.
    """

    def __init__(
        self,
        format: str = "",
        columns: Sequence[str] = COLUMNS,
        *,
        keep_others: bool = False,
        input_column: str = "",
        output_column: str = "",
    ) -> None:
        if format and format not in FORMATS:
            raise InvalidArgumentError.of(
                "format", f"must be one of {', '.join(FORMATS)} or unset, not {format[:40]!r}"
            )
        self._asked = format
        self._columns = Columns(
            required=columns,
            keep_others=keep_others or tuple(columns) == UNLABELLED_COLUMNS,
            input=input_column,
            output=output_column,
        )
        self._columns.check()
        self._format = format
        self._transcoders: list[Transcoder] = []
        self._look_at = _MARK_BYTES
        self._marked = False  # whether the start was searched for signs of an encoding
        self._head = bytearray()
        self._reader: FormatReader | None = None
        self._stopped = False
        self._fault_count = 0

    @property
    def format(self) -> str:
        """Format of the file; `jsonl` until it is known."""
        return self._format or "jsonl"

    @property
    def row_count(self) -> int:
        """Number of rows read so far, including faulty ones."""
        return self._reader.row_count if self._reader else 0

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield rows and findings in the order of the file. Exhaust the iterator."""
        view = memoryview(chunk)
        for start in range(0, len(view), _PIECE_BYTES):
            if self._stopped:
                return
            give_way()  # a piece that ends no row takes its time as well
            yield from self._bounded(self._feed(bytes(view[start : start + _PIECE_BYTES])))

    def finish(self) -> Iterator[Row | Finding]:
        """End the file and yield the remaining rows and findings. Exhaust the iterator."""
        rest = b""
        for transcoder in self._transcoders:
            rest = transcoder.feed(rest) + transcoder.finish()
        if not self._stopped:
            yield from self._bounded(self._take(rest))
        if not self._stopped and self._reader is None:
            yield from self._bounded(self._begin(whole=True))
        if not self._stopped and self._reader is not None:
            yield from self._bounded(self._reader.finish())

    def _bounded(self, items: Iterable[Row | Finding]) -> Iterator[Row | Finding]:
        """Yield the items until there are too many faults."""
        for item in items:
            yield item
            self._fault_count += isinstance(item, Finding) and item.severity is Severity.ERROR
            if self._fault_count == MAX_FAULTS:
                self._stopped = True
                yield fault(
                    "TOO_MANY_FAULTS",
                    f"Reading stopped at row {self.row_count:,} after {MAX_FAULTS:,} faults.",
                    f"Check that the file is {self.format} and that every row has {' and '.join(self._columns.names)}.",
                )
                return

    def _feed(self, piece: bytes) -> Iterator[Row | Finding]:
        for transcoder in self._transcoders:
            piece = transcoder.feed(piece)
        yield from self._take(piece)

    def _take(self, piece: bytes) -> Iterator[Row | Finding]:
        if self._reader is not None:
            yield from self._reader.feed(piece)
        else:
            self._head += piece
            yield from self._begin(whole=False)

    def _begin(self, *, whole: bool) -> Iterator[Row | Finding]:
        """Choose the reader once enough of the file has arrived."""
        if len(self._head) < self._look_at and not whole:
            return
        self._look_at = 2 * len(self._head)  # so that small chunks do not read the start again and again
        if not self._marked:
            self._marked = True
            yield from self._find_encodings()
        if self._stopped:
            return
        head = bytes(self._head).removeprefix(BYTE_ORDER_MARK)
        whole = whole or len(head) >= HEAD_BYTES
        layout = detect_layout(head[:HEAD_BYTES], whole=whole, columns=self._columns) if not self._asked else None
        if isinstance(layout, Finding):
            self._stop()
            yield layout
        elif layout is not None or self._asked:
            yield from self._start(layout or Layout(self._asked), head)

    def _find_encodings(self) -> Iterator[Finding]:
        """Prepare the conversion of a file that is encoded in another way, or stop if it is no text."""
        while (found := find_transcoder(bytes(self._head).removeprefix(BYTE_ORDER_MARK))) is not None:
            transcoder, remark = found
            self._transcoders.append(transcoder)
            head = bytes(self._head).removeprefix(BYTE_ORDER_MARK)
            self._head = bytearray(transcoder.feed(head))
            yield remark
        foreign = foreign_file(bytes(self._head[:4]))
        if foreign is not None:
            self._stop()
            yield foreign

    def _start(self, layout: Layout, head: bytes) -> Iterator[Row | Finding]:
        """Choose the reader for a layout, and read the start of the file."""
        self._format = layout.format
        if layout.over_lines:
            self._reader = ObjectsReader(self._columns)
        elif layout.key is not None:
            self._reader = ArrayReader(self._columns, layout.key)
        else:
            self._reader = _READERS[layout.format](self._columns)
        self._head.clear()
        yield from self._reader.feed(head[layout.start :])

    def _stop(self) -> None:
        self._stopped = True
        self._head.clear()
