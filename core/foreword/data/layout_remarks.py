"""Remarks on the layout of a file, each of which is made once."""

from __future__ import annotations

from collections.abc import Iterator

from foreword.data.record import fault
from foreword.domain.report import Finding, Severity


class LayoutRemarks:
    """The remarks on one file."""

    def __init__(self) -> None:
        self._made: set[str] = set()

    def inner_mark(self) -> Iterator[Finding]:
        """Remark on a byte order mark that is not at the start."""
        return self._once(
            "BYTE_ORDER_MARK",
            "Byte order marks inside the file are ignored; they are left when files are put one after another.",
            "Check that the file has the rows of all its parts.",
        )

    def commas(self) -> Iterator[Finding]:
        """Remark on commas between the lines of JSONL."""
        return self._once(
            "COMMAS_BETWEEN_ROWS",
            "Commas between the objects are ignored.",
            "Write one object per line without commas, or put all of them into [ ].",
        )

    def objects(self) -> Iterator[Finding]:
        """Remark on objects that extend over lines."""
        return self._once(
            "OBJECTS_OVER_LINES",
            "The file has JSON objects one after another, not one per line; rows are numbered by object.",
            "Nothing needs to be done; write one object per line to have row numbers that are those of lines.",
        )

    def wrapped(self, key: str) -> Iterator[Finding]:
        """Remark on an array inside an object."""
        return self._once(
            "ROWS_INSIDE_OBJECT",
            f"The rows are read from the list {key!r} inside the object that is the file.",
            "Nothing needs to be done; write only the list to avoid this remark.",
        )

    def arrays(self) -> Iterator[Finding]:
        """Remark on several arrays one after another."""
        return self._once(
            "SEVERAL_ARRAYS",
            "The file has several arrays one after another; the rows of all of them are read.",
            "Check that the file has the rows of all its parts.",
        )

    def separator_line(self, delimiter: str) -> Iterator[Finding]:
        """Remark on the first line that Excel reads as the delimiter."""
        return self._once(
            "SEPARATOR_LINE",
            f"The first line sets the delimiter {delimiter!r} and is not a row.",
            "Nothing needs to be done; remove the line to avoid this remark.",
        )

    def spaces_before_quotes(self) -> Iterator[Finding]:
        """Remark on spaces between a delimiter and a quote."""
        return self._once(
            "SPACES_BEFORE_QUOTES",
            "Spaces before quoted fields are ignored.",
            "Nothing needs to be done; remove the spaces to avoid this remark.",
        )

    def _once(self, code: str, message: str, remedy: str) -> Iterator[Finding]:
        if code not in self._made:
            self._made.add(code)
            yield fault(code, message, remedy, severity=Severity.INFO)
