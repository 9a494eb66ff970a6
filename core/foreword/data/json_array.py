"""Elements of a JSON array that arrives in chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from foreword.data.columns import Columns
from foreword.data.layout_remarks import LayoutRemarks
from foreword.data.line_ends import BYTE_ORDER_MARK
from foreword.data.record import MAX_ROW_BYTES, fault, too_large
from foreword.data.row_parser import RowParser
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity, excerpt

_STRUCTURE = re.compile(rb'["\[\]{},]')
# A JSON string cannot contain a raw line end. Ending the string there prevents a missing quote from swallowing the
# rest of the file.
_TEXT_END = re.compile(rb'["\\\r\n]')
_BETWEEN_ARRAYS = b" \t\r\n," + BYTE_ORDER_MARK
_MAX_REST_BYTES = 1 << 16
_LIST_OF_OBJECTS = re.compile(rb'"([^"\\]{0,200})"\s*:\s*\[\s*\{')


class ArrayReader:
    """A reader that finds the elements of an array; the JSON parser of the standard library reads their content.

    Args:
        key: The key of the array, if it is inside an object. Then the reader is fed from the array on.
    """

    def __init__(self, columns: Columns, key: str | None = None) -> None:
        self.row_count = 0
        self._parser = RowParser(columns)
        self._remarks = LayoutRemarks()
        self._key = key
        self._buffer = bytearray()
        self._start = 0  # of the element
        self._position = 0  # of the scan
        self._depth = 0
        self._in_text = False
        self._skipping = False  # True while the rest of an element that was too large is skipped
        self._opened = False
        self._closed = False
        self._trailing_reported = False
        self._previous = 0  # the byte before the buffer
        self._rows_before = 0  # in the arrays before this one
        self._rest = bytearray()  # of the object around the array

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield the rows and findings that they complete."""
        self._buffer += chunk
        if self._key is not None:
            yield from self._remarks.wrapped(self._key)
        while True:
            if not self._opened:
                yield from self._open()
            while self._opened and not self._closed and self._advance():
                yield from self._end_element()
            if not self._closed or not self._opens_again():
                break
            yield from self._remarks.arrays()
        if self._closed:
            yield from self._after_end()
        elif self._opened:
            self._skip_between()
            if len(self._buffer) - self._start > MAX_ROW_BYTES:
                yield from self._overflow()
        if self._start:
            self._previous = self._buffer[self._start - 1]
        del self._buffer[: self._start]
        self._position -= self._start
        self._start = 0

    def finish(self) -> Iterator[Row | Finding]:
        """Yield the last element if the array is not closed."""
        yield from self._other_lists()
        if not self._opened or self._closed:
            return
        rest = bytes(self._buffer)
        if self._depth > 0 or self._in_text:
            self.row_count += not self._skipping
            yield fault(
                "UNCLOSED_ROW",
                "The row is not closed: the file ends inside it.",
                "Add the missing quote or brace. If the file was cut off, upload the whole file.",
                number=self.row_count,
                text="" if self._skipping else rest[:400].decode("utf-8", "replace"),
            )
        elif rest.strip() and not self._skipping:
            self.row_count += 1
            yield from self._parser.parse(rest.strip(), self.row_count)
        yield fault(
            "ARRAY_NOT_CLOSED",
            "The file ends before the array is closed.",
            "Add the closing ]. If the file was cut off, upload the whole file.",
        )

    def _open(self) -> Iterator[Finding]:
        """Find the opening bracket."""
        start = len(self._buffer) - len(self._buffer.lstrip())
        if start == len(self._buffer):
            self._buffer.clear()
            return
        self._opened = True
        self._start = self._position = start + 1
        if self._buffer[start : start + 1] != b"[":
            self._closed = self._trailing_reported = True
            yield fault(
                "NOT_AN_ARRAY",
                "The file is not a JSON array.",
                'Write [{"input": "...", "output": "..."}, ...], or choose another format.',
                text=chr(self._buffer[start]),
            )

    def _advance(self) -> bool:
        """Continue the scan; return True if it has passed the comma or bracket that ends an element."""
        while True:
            found = (_TEXT_END if self._in_text else _STRUCTURE).search(self._buffer, self._position)
            if found is None:
                self._position = len(self._buffer)
                return False
            mark = found.group()
            if mark == b"\\":
                if found.end() == len(self._buffer):
                    self._position = found.start()
                    return False
                escaped = self._buffer[found.end()]
                self._position = found.end() + (escaped not in b"\r\n")
                continue
            self._position = found.end()
            if self._in_text:
                self._in_text = False
            elif mark == b'"':
                self._in_text = True
            elif self._passes_end(mark):
                return True

    def _skip_between(self) -> None:
        """Skip what is between elements at the start of the next one, if the format allows more than spaces there."""

    def _passes_end(self, mark: bytes) -> bool:
        """Take a mark outside of texts into account; return True if an element ends before it."""
        if mark in b"[{":
            self._depth += 1
        elif mark == b",":
            return self._depth == 0
        elif self._depth > 0:
            self._depth -= 1
        elif mark == b"]":
            self._closed = True
            return True
        return False

    def _end_element(self) -> Iterator[Row | Finding]:
        raw = bytes(self._buffer[self._start : self._position - 1])
        self._start = self._position
        if self._skipping:
            self._skipping = False
            return
        element = raw.strip()
        if self._closed and not element:
            if self.row_count > self._rows_before:
                yield fault(
                    "TRAILING_COMMA",
                    "There is a comma after the last row.",
                    "Remove the comma; most JSON parsers reject such a file.",
                    severity=Severity.WARNING,
                )
            return
        self.row_count += 1
        if len(raw) > MAX_ROW_BYTES:
            yield too_large(self.row_count, raw)
        elif not element:
            yield fault("NOT_JSON", "There is no row between two commas.", "Remove one comma.", number=self.row_count)
        else:
            yield from self._parser.parse(element, self.row_count)

    def _overflow(self) -> Iterator[Finding]:
        """Discard the buffered part of an element that is too large; the scan continues to its end."""
        if not self._skipping:
            self.row_count += 1
            yield too_large(self.row_count, bytes(self._buffer[self._start : self._start + MAX_ROW_BYTES]))
        self._skipping = True
        self._start = self._position

    def _opens_again(self) -> bool:
        """Return whether another array follows the one that ended, and prepare to read it."""
        if self._key is not None or self._trailing_reported:
            return False
        rest = len(self._buffer) - len(bytes(self._buffer[self._start :]).lstrip(_BETWEEN_ARRAYS))
        if self._buffer[rest : rest + 1] != b"[":
            return False
        self._start = self._position = rest + 1
        self._closed = False
        self._rows_before = self.row_count
        return True

    def _after_end(self) -> Iterator[Finding]:
        rest = bytes(self._buffer[self._start :]).strip(_BETWEEN_ARRAYS)
        self._start = self._position = len(self._buffer)
        if self._key is not None:
            self._rest += rest[: _MAX_REST_BYTES - len(self._rest)]
        elif rest and not self._trailing_reported:
            self._trailing_reported = True
            yield fault(
                "TRAILING_CONTENT",
                "The file continues after the closing ] of the array.",
                "Put all rows into one array, or write one object per line (JSONL).",
            )

    def _other_lists(self) -> Iterator[Finding]:
        """Warn about other lists of objects in the object around the array."""
        found = [match[1].decode("utf-8", "replace") for match in _LIST_OF_OBJECTS.finditer(self._rest)]
        if found:
            listed = ", ".join(repr(excerpt(key)) for key in found[:5])
            yield fault(
                "OTHER_LISTS",
                f"The object that is the file has other lists, which are not read: {listed}.",
                f"Write each list to a file of its own if its rows are to be read, as those of {self._key!r} are.",
                severity=Severity.WARNING,
            )
