"""Lines of a JSONL file that arrives in chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from foreword.data.record import MAX_ROW_BYTES, read_object, too_large
from foreword.domain.dataset import Row
from foreword.domain.report import Finding

# Matches bytes: unlike with str.splitlines, U+2028 and similar characters in a JSON string do not end a line.
_LINE_END = re.compile(rb"\r\n|\n|\r")


class LineReader:
    """A reader of JSONL. Blank lines are skipped but counted, so that a row's number is its line in an editor."""

    def __init__(self) -> None:
        self.row_count = 0
        self._line = 0
        self._pending = bytearray()
        self._too_large = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield the rows and findings that they complete."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        start = 0
        for end in _LINE_END.finditer(chunk):
            self._append(chunk[start : end.start()])
            start = end.end()
            yield from self._end_line()
        self._append(chunk[start:])
        self._after_cr = chunk.endswith(b"\r")

    def finish(self) -> Iterator[Row | Finding]:
        """Yield the last line if no line end follows it."""
        yield from self._end_line()

    def _append(self, part: bytes) -> None:
        self._pending += part[: MAX_ROW_BYTES + 1]
        self._too_large = self._too_large or len(self._pending) > MAX_ROW_BYTES
        del self._pending[MAX_ROW_BYTES + 1 :]

    def _end_line(self) -> Iterator[Row | Finding]:
        raw, large = bytes(self._pending), self._too_large
        self._pending.clear()
        self._too_large = False
        self._line += 1
        if not raw.strip():
            return
        self.row_count += 1
        if large:
            yield too_large(self._line, raw)
        else:
            yield from read_object(raw, self._line)
