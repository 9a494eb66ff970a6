"""JSON objects one after another, each on one or several lines, in a file that arrives in chunks."""

from __future__ import annotations

from collections.abc import Iterator

from foreword.data.columns import Columns
from foreword.data.json_array import ArrayReader
from foreword.data.line_ends import BYTE_ORDER_MARK
from foreword.data.record import MAX_ROW_BYTES, fault, too_large
from foreword.domain.dataset import Row
from foreword.domain.report import Finding

_BETWEEN_OBJECTS = b" \t\r\n\v\f," + BYTE_ORDER_MARK


class ObjectsReader(ArrayReader):
    """A reader that finds the ends of objects by their braces; commas and spaces between them are ignored.

    An object that begins in the first column of a line ends the one before it, so that a missing brace is a fault of
    one row only.
    """

    def __init__(self, columns: Columns) -> None:
        super().__init__(columns)
        self._opened = True
        self._lists = 0  # that are open

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield the rows and findings that they complete."""
        yield from self._remarks.objects()
        yield from super().feed(chunk)

    def finish(self) -> Iterator[Row | Finding]:
        """Yield the last object if it is not closed."""
        rest = bytes(self._buffer).strip(_BETWEEN_OBJECTS)
        if self._skipping or not rest:
            return
        self.row_count += 1
        if self._depth > 0 or self._in_text:
            yield fault(
                "UNCLOSED_ROW",
                "The row is not closed: the file ends inside it.",
                "Add the missing quote or brace. If the file was cut off, upload the whole file.",
                number=self.row_count,
                text=rest[:400].decode("utf-8", "replace"),
            )
        else:
            yield from self._parser.parse(rest, self.row_count)

    def _passes_end(self, mark: bytes) -> bool:
        if mark == b"{" and self._depth and not self._lists and self._in_first_column():
            self._position -= 1
            self._depth = 0
            return True
        if mark in b"[]" and self._depth:
            self._lists = max(0, self._lists + (1 if mark == b"[" else -1))
        if mark in b"[{":
            self._depth += mark == b"{" or self._depth > 0
        elif mark == b",":
            return self._depth == 0
        elif self._depth > 0:
            self._depth -= 1
            if not self._depth:
                self._lists = 0
                return True
        return False

    def _in_first_column(self) -> bool:
        place = self._position - 1
        return (self._buffer[place - 1] if place else self._previous) in b"\r\n"

    def _skip_between(self) -> None:
        if not self._depth and not self._in_text and not self._skipping:
            rest = bytes(self._buffer[self._start :])
            self._start += len(rest) - len(rest.lstrip(_BETWEEN_OBJECTS))

    def _end_element(self) -> Iterator[Row | Finding]:
        raw = bytes(self._buffer[self._start : self._position]).lstrip(_BETWEEN_OBJECTS)
        self._start = self._position
        if self._skipping:
            self._skipping = False
            return
        if not raw:
            return
        self.row_count += 1
        if len(raw) > MAX_ROW_BYTES:
            yield too_large(self.row_count, raw)
        else:
            yield from self._parser.parse(raw.rstrip(_BETWEEN_OBJECTS), self.row_count)
