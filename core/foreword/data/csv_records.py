"""Records of a CSV file (RFC 4180) that arrives in chunks.

This module only finds the end of each record, which `csv.reader` cannot do for chunks that are pushed to it. The
fields of a record are parsed by `csv.reader`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from enum import Enum

from foreword.data.columns import Columns
from foreword.data.csv_header import Header, choose_delimiter, separator_line
from foreword.data.layout_remarks import LayoutRemarks
from foreword.data.line_ends import BLANK_LINES, BYTE_ORDER_MARK, LINE_END, count_line_ends
from foreword.data.record import (
    MAX_ROW_BYTES,
    check_text,
    decode,
    fault,
    row_with_others,
    too_large,
)
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity

# The limit is process-wide, but raising it only allows longer fields: the default of 128 KiB is less than a row.
csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))

_BLANK_START = re.compile(rb"[\r\n \t]+")
# Each restart after a broken quote reads up to one row again; the limit bounds the cost of a file full of them.
_MAX_RESTARTS = 16


class _State(Enum):
    FIELD_START = 1
    PLAIN = 2
    QUOTED = 3
    AFTER_QUOTE = 4


class CsvReader:
    """A reader of CSV with the columns input and, unless the file is unlabelled, output.

    The header is not counted as a row; blank lines are counted but skipped. The delimiter is detected from the header:
    a comma, a semicolon, a tab or a vertical bar.
    """

    def __init__(self, columns: Columns) -> None:
        self.row_count = 0
        self._columns = columns
        self._remarks = LayoutRemarks()
        self._spaced = False  # whether a field of the record has spaces before its quote
        self._number = 0
        self._buffer = bytearray()
        self._start = 0  # of the record
        self._position = 0  # of the scan
        self._state = _State.FIELD_START
        self._after_cr = False
        self._skipping = False  # True while the rest of a line that was too long is skipped
        self._restarts = 0
        self._separator = ""  # the delimiter that the first line sets
        self._delimiter = ""  # unknown until the first line has arrived
        self._header: tuple[str, ...] | None = None
        self._written: list[str] = []  # the fields of the header, sorted
        self._broken_header = False
        self._plain_end = re.compile(rb"[,\r\n]")

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield the rows and findings that they complete."""
        if self._broken_header:
            return
        self._buffer += chunk
        yield from self._scan()
        del self._buffer[: self._start]
        self._position -= self._start
        self._start = 0

    def finish(self) -> Iterator[Row | Finding]:
        """Yield the last record if no line end follows it."""
        if self._broken_header or self._skipping:
            return
        while self._start < len(self._buffer) and not self._broken_header:
            if not self._delimiter:
                yield from self._read_separator_line()
                self._position = self._start
                self._choose_delimiter(bytes(self._buffer[self._start :]))
                yield from self._scan_records()
                if self._start == len(self._buffer) or self._broken_header:
                    break
            raw = bytes(self._buffer[self._start :])
            self._position = len(self._buffer)
            yield from self._end_record(raw, unclosed=self._state is _State.QUOTED)
            yield from self._scan_records()

    def _scan(self) -> Iterator[Row | Finding]:
        if not self._delimiter:
            self._skip_blank_start()
            line = LINE_END.search(self._buffer, self._position)
            if line is None and len(self._buffer) - self._start <= MAX_ROW_BYTES:
                self._position = len(self._buffer)  # so that many small chunks do not search the line again and again
                return
            self._position = self._start
            if not self._separator and line and separator_line(self._buffer[self._start : line.start()]):
                yield from self._read_separator_line()
                yield from self._scan()
                return
            self._choose_delimiter(bytes(self._buffer[self._start : line.start() if line else len(self._buffer)]))
        yield from self._scan_records()
        while len(self._buffer) - self._start > MAX_ROW_BYTES and not self._skipping and not self._broken_header:
            yield from self._too_large()
            yield from self._scan_records()

    def _read_separator_line(self) -> Iterator[Finding]:
        """Skip a first line such as `sep=;`, which Excel writes and reads."""
        line = LINE_END.search(self._buffer, self._start)
        end = line.start() if line else len(self._buffer)
        delimiter = "" if self._separator else separator_line(self._buffer[self._start : end])
        if delimiter:
            self._separator = delimiter
            self._start = self._position = line.end() if line else end
            yield from self._remarks.separator_line(delimiter)

    def _skip_blank_start(self) -> None:
        if self._position == self._start:
            blank = _BLANK_START.match(self._buffer, self._start)
            self._start = self._position = blank.end() if blank else self._start

    def _scan_records(self) -> Iterator[Row | Finding]:
        """Yield the rows and findings of the records that are complete in the buffer."""
        self._skip_blank_lines()
        while not self._broken_header and self._advance():
            raw = bytes(self._buffer[self._start : self._position])
            self._position += 1
            if self._buffer[self._position - 1 : self._position] == b"\r":
                self._after_cr = True
            yield from self._end_record(raw, unclosed=False)
            self._skip_blank_lines()
        if self._broken_header:
            self._buffer.clear()
            self._start = self._position = 0

    def _skip_blank_lines(self) -> None:
        """Skip and count the blank lines at the start of a record in one step, because a file may be full of them."""
        if not self._buffer[self._start : self._start + 1].isspace():
            return
        starts = self._state is _State.FIELD_START and self._position == self._start
        if not starts or self._header is None or self._after_cr or self._skipping:
            return
        blank = BLANK_LINES.match(self._buffer, self._start)
        if blank is not None:
            self._number += count_line_ends(blank[0])
            self._start = self._position = blank.end()

    def _advance(self) -> bool:
        """Continue the scan; return True if it has reached the line end that ends a record."""
        buffer = self._buffer
        while self._position < len(buffer):
            if self._after_cr:
                self._after_cr = False
                if buffer[self._position] == 0x0A:
                    self._position += 1
                    self._start = self._position
                    continue
            if self._skipping:
                line = LINE_END.search(buffer, self._position)
                self._start = self._position = line.start() + 1 if line else len(buffer)
                if line:
                    self._after_cr = buffer[line.start()] == 0x0D
                    self._skipping = False
                    self._state = _State.FIELD_START
                continue
            if self._state is _State.QUOTED:
                quote = buffer.find(b'"', self._position)
                self._position = quote + 1 if quote >= 0 else len(buffer)
                if quote >= 0:
                    self._state = _State.AFTER_QUOTE
            elif self._state is _State.FIELD_START and buffer[self._position] == 0x20:
                self._position += 1  # spaces before a quote
            elif self._state is not _State.PLAIN:
                quoted = buffer[self._position] == 0x22
                if quoted and self._state is _State.FIELD_START and buffer[self._position - 1 : self._position] == b" ":
                    self._spaced = self._position > self._start
                self._state = _State.QUOTED if quoted else _State.PLAIN
                self._position += quoted
            else:
                end = self._plain_end.search(buffer, self._position)
                if end is None:
                    self._position = len(buffer)
                elif end.group() in (b"\r", b"\n"):
                    self._position = end.start()
                    return True
                else:
                    self._position = end.end()
                    self._state = _State.FIELD_START
        return False

    def _end_record(self, raw: bytes, *, unclosed: bool) -> Iterator[Row | Finding]:
        """Read the record that ends at the scan's position, and continue after it or, if it is broken, within it."""
        if len(raw) > MAX_ROW_BYTES:
            yield from self._too_large()
            return
        record_start = self._start
        self._start = self._position
        self._state = _State.FIELD_START
        spaced, self._spaced = self._spaced, False
        held = raw
        if raw.startswith(BYTE_ORDER_MARK):
            raw = raw.removeprefix(BYTE_ORDER_MARK)
            yield from self._remarks.inner_mark()
        if not raw.strip():
            self._number += self._header is not None
            return
        text = decode(raw, None if self._header is None else self._number + 1)
        if isinstance(text, Finding):
            self._count()
            yield text
            self._broken_header = self._header is None
            return
        fields = None if unclosed else self._fields(text, spaced)
        if fields is not None and spaced:
            yield from self._remarks.spaces_before_quotes()
        if fields is None:
            self._count()
            yield fault(
                "BAD_QUOTES",
                "A quote is opened but never closed." if unclosed else "There is text before or after a quoted field.",
                'Put the whole field in double quotes, and write each double quote inside it as "".',
                number=self._number or None,
                text=text,
            )
            self._broken_header = self._header is None
            first_line = LINE_END.search(held)
            if first_line is not None and self._restarts < _MAX_RESTARTS and not self._broken_header:
                self._restart(record_start, first_line)
            return
        if self._header is None:
            yield from self._read_header(fields)
        elif self._repeats_header(fields):
            self._number += 1
            yield fault(
                "REPEATED_HEADER",
                "The header is repeated inside the file, as in files that are put one after another; it is not a row.",
                "Nothing needs to be done; check that the file has the rows of all its parts.",
                number=self._number,
                severity=Severity.INFO,
            )
        else:
            self._count()
            yield from self._read_fields(fields)

    def _count(self) -> None:
        if self._header is not None:
            self._number += 1
            self.row_count += 1

    def _restart(self, record_start: int, first_line: re.Match[bytes]) -> None:
        """Go back to the second line of a record, so that a broken quote does not swallow the rows that follow."""
        self._restarts += 1
        self._start = self._position = record_start + first_line.end()
        self._after_cr = first_line.group() == b"\r"
        self._state = _State.FIELD_START

    def _too_large(self) -> Iterator[Finding]:
        """Report the current record as too large and continue with its second line."""
        held = bytes(self._buffer[self._start : self._start + MAX_ROW_BYTES])
        self._count()
        yield too_large(self._number or 1, held)
        if self._header is None:
            self._broken_header = True
            return
        line = LINE_END.search(held[:-1])
        if line is not None and self._restarts < _MAX_RESTARTS:
            self._restart(self._start, line)
        else:
            self._position = self._start = self._start + MAX_ROW_BYTES
            self._after_cr = False
            self._skipping = True

    def _repeats_header(self, fields: list[str]) -> bool:
        """Return whether a record has the names of the header; the columns may be in another order."""
        if len(fields) != len(self._written) or sorted(map(_folded, fields)) != self._written:
            return False
        header = self._new_header(fields)
        if not list(header.faults()):
            self._header = header.distinct_names() if self._columns.keep_others else header.names
        return True

    def _fields(self, text: str, spaced: bool) -> list[str] | None:
        """Return the fields of a record; None if its quotes are broken."""
        try:
            records = list(csv.reader([text], delimiter=self._delimiter, strict=True, skipinitialspace=spaced))
        except csv.Error:
            return None
        return records[0] if len(records) == 1 else None

    def _choose_delimiter(self, line: bytes) -> None:
        text = line[:MAX_ROW_BYTES].decode("utf-8", "replace")
        self._delimiter = self._separator or choose_delimiter(text, self._columns)
        self._plain_end = re.compile(b"[" + re.escape(self._delimiter.encode()) + rb"\r\n]")

    def _new_header(self, fields: Sequence[str]) -> Header:
        return Header(tuple(field.strip() for field in fields), self._delimiter, self._columns)

    def _read_header(self, fields: list[str]) -> Iterator[Finding]:
        header = self._new_header(fields)
        faults = list(header.faults())
        self._broken_header = bool(faults)
        if not faults:
            self._header = header.distinct_names() if self._columns.keep_others else header.names
            self._written = sorted(map(_folded, fields))
        yield from faults or header.remarks()

    def _read_fields(self, fields: list[str]) -> Iterator[Row | Finding]:
        assert self._header is not None
        if len(fields) != len(self._header):
            count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
            yield fault(
                "WRONG_FIELD_COUNT",
                f"The row has {count}, but the header has {len(self._header)}.",
                f"Put texts that contain {self._delimiter!r} in double quotes.",
                number=self._number,
                text=self._delimiter.join(fields),
            )
            return
        values = dict(zip(self._header, fields, strict=True))
        required = self._columns.required
        wrong = [found for column in required if (found := check_text(column, values[column], self._number))]
        yield from wrong
        if wrong:
            return
        texts = {column: values.pop(column) for column in required}
        if self._columns.keep_others:
            yield from row_with_others(self._number, texts, values)
        else:
            yield Row(number=self._number, input=texts["input"], output=texts.get("output", ""))


def _folded(field: str) -> str:
    return field.strip().casefold()
