"""Lines of a JSONL file that arrives in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foreword.data.columns import Columns
from foreword.data.layout_remarks import LayoutRemarks
from foreword.data.line_ends import BLANK_LINES, BYTE_ORDER_MARK, LINE_END, count_line_ends
from foreword.data.record import MAX_ROW_BYTES, too_large
from foreword.data.row_parser import RowParser
from foreword.domain.dataset import Row
from foreword.domain.report import Finding


class LineReader:
    """A reader of JSONL. Blank lines are skipped but counted, so that a row's number is its line in an editor.

    Commas between the objects, and byte order marks before them, are ignored with a remark.
    """

    def __init__(self, columns: Columns) -> None:
        self.row_count = 0
        self._parser = RowParser(columns)
        self._remarks = LayoutRemarks()
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
        has_cr = b"\r" in chunk
        while True:
            if has_cr:
                found = LINE_END.search(chunk, start)
                if found is None:
                    break
                end, after = found.span()
            else:
                end = chunk.find(b"\n", start)
                if end < 0:
                    break
                after = end + 1
            if self._pending:
                self._append(chunk[start:end])
                yield from self._end_line()
            else:
                yield from self._read_line(chunk[start:end], large=end - start > MAX_ROW_BYTES)
            start = self._skip_blank_lines(chunk, after) if chunk[after : after + 1].isspace() else after
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

    def _end_line(self) -> Iterable[Row | Finding]:
        raw, large = bytes(self._pending), self._too_large
        self._pending.clear()
        self._too_large = False
        return self._read_line(raw, large=large)

    def _read_line(self, raw: bytes, *, large: bool) -> Iterable[Row | Finding]:
        """Return the row of a line, or its faults."""
        if raw[:1] == b"{" and raw[-1:] == b"}" and not large:  # almost all lines
            self._line += 1
            self.row_count += 1
            return self._parser.parse(raw, self._line)
        return self._read_other_line(raw, large)

    def _read_other_line(self, raw: bytes, large: bool) -> Iterator[Row | Finding]:
        self._line += 1
        if raw.startswith(BYTE_ORDER_MARK):
            raw = raw.removeprefix(BYTE_ORDER_MARK)
            yield from self._remarks.inner_mark()
        if not raw.strip():
            return
        self.row_count += 1
        if large:
            yield too_large(self._line, raw)
            return
        if raw[-1:] == b"," or raw[:1] == b",":
            object_ = raw.strip(b" \t,")
            if object_[:1] == b"{" and object_[-1:] == b"}":
                raw = object_
                yield from self._remarks.commas()
        yield from self._parser.parse(raw, self._line)
