"""Elements of a JSON array that arrives in chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from foreword.data.record import MAX_ROW_BYTES, fault, read_object, too_large
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity

_STRUCTURE = re.compile(rb'["\[\]{},]')
# A JSON string cannot contain a raw line end. Ending the string there prevents a missing quote from swallowing the
# rest of the file.
_TEXT_END = re.compile(rb'["\\\r\n]')


class ArrayReader:
    """A reader that finds the elements of an array; the JSON parser of the standard library reads their content."""

    def __init__(self, columns: Sequence[str], keep_others: bool) -> None:
        self.row_count = 0
        self._columns = columns
        self._keep_others = keep_others
        self._buffer = bytearray()
        self._start = 0  # of the element
        self._position = 0  # of the scan
        self._depth = 0
        self._in_text = False
        self._skipping = False  # True while the rest of an element that was too large is skipped
        self._opened = False
        self._closed = False
        self._trailing_reported = False

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield the rows and findings that they complete."""
        self._buffer += chunk
        if not self._opened:
            yield from self._open()
        while self._opened and not self._closed and self._advance():
            yield from self._end_element()
        if self._closed:
            yield from self._after_end()
        elif self._opened and len(self._buffer) - self._start > MAX_ROW_BYTES:
            yield from self._overflow()
        del self._buffer[: self._start]
        self._position -= self._start
        self._start = 0

    def finish(self) -> Iterator[Row | Finding]:
        """Yield the last element if the array is not closed."""
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
            yield from read_object(rest.strip(), self.row_count, self._columns, keep_others=self._keep_others)
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
            elif mark in b"[{":
                self._depth += 1
            elif mark == b",":
                if self._depth == 0:
                    return True
            elif self._depth > 0:
                self._depth -= 1
            elif mark == b"]":
                self._closed = True
                return True

    def _end_element(self) -> Iterator[Row | Finding]:
        raw = bytes(self._buffer[self._start : self._position - 1])
        self._start = self._position
        if self._skipping:
            self._skipping = False
            return
        element = raw.strip()
        if self._closed and not element:
            if self.row_count:
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
            yield from read_object(element, self.row_count, self._columns, keep_others=self._keep_others)

    def _overflow(self) -> Iterator[Finding]:
        """Discard the buffered part of an element that is too large; the scan continues to its end."""
        if not self._skipping:
            self.row_count += 1
            yield too_large(self.row_count, bytes(self._buffer[self._start : self._start + MAX_ROW_BYTES]))
        self._skipping = True
        self._start = self._position

    def _after_end(self) -> Iterator[Finding]:
        rest = bytes(self._buffer[self._start :]).strip()
        self._start = self._position = len(self._buffer)
        if rest and not self._trailing_reported:
            self._trailing_reported = True
            yield fault(
                "TRAILING_CONTENT",
                "The file continues after the closing ] of the array.",
                "Put all rows into one array, or write one object per line (JSONL).",
            )
