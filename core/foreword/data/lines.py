"""Lines of a JSONL file that arrives in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foreword.data.line_ends import BLANK_LINES, LINE_END, count_line_ends
from foreword.data.record import MAX_ROW_BYTES, read_object, too_large
from foreword.domain.dataset import Row
from foreword.domain.report import Finding


class LineReader:
    """A reader of JSONL. Blank lines are skipped but counted, so that a row's number is its line in an editor."""

    def __init__(self, columns: Sequence[str], keep_others: bool) -> None:
        self.row_count = 0
        self._columns = columns
        self._keep_others = keep_others
        self._line = 0
        self._pending = bytearray()
        self._too_large = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> Iterator[Row | Finding]:
        """Read the next bytes and yield the rows and findings that they complete."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        start = self._skip_blank_lines(chunk, 0)
        while (end := LINE_END.search(chunk, start)) is not None:
            self._append(chunk[start : end.start()])
            yield from self._end_line()
            start = self._skip_blank_lines(chunk, end.end())
        self._append(chunk[start:])
        self._after_cr = chunk.endswith(b"\r")

    def finish(self) -> Iterator[Row | Finding]:
        """Yield the last line if no line end follows it."""
        yield from self._end_line()

    def _skip_blank_lines(self, chunk: bytes, start: int) -> int:
        """Count the blank lines in one step, because a file may be full of them, and return where they end."""
        blank = None if self._pending else BLANK_LINES.match(chunk, start)
        if blank is None:
            return start
        self._line += count_line_ends(blank[0])
        return blank.end()

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
            yield from read_object(raw, self._line, self._columns, keep_others=self._keep_others)
