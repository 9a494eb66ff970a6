"""The faults of an uploaded file, those of its conversion and those that the service finds, in one form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from foreword.client import DataReport
from foreword.errors import FieldViolation
from foreword.http.errors import RequestError

_MOST_LISTED: Final = 20
_OF_FILE: Final = 0
_PLACE: Final = re.compile(r"rows\[(\d+)\](?:\.(.+))?")


class RowFaults:
    """The faults of a file, of which the first twenty are kept and the others counted.

    Args:
        columns: The file's names of the service's columns, where they differ.

    Attributes:
        columns: The argument, which may be set later.
        number: Number of all faults.
    """

    def __init__(self, columns: Mapping[str, str] | None = None) -> None:
        self.columns: Mapping[str, str] = columns or {}
        self.number = 0
        self._kept: list[tuple[int, str]] = []

    def add(self, row: int, problem: str) -> None:
        """Add a fault of a row, counted from 1, or of the whole file if the row is 0."""
        self.number += 1
        self._kept.append((row, problem))
        if len(self._kept) > 2 * _MOST_LISTED:
            self._shorten()

    def add_violations(self, violations: Iterable[FieldViolation]) -> None:
        """Add the faults of an `InvalidRowsError`."""
        for violation in violations:
            place = _PLACE.fullmatch(violation.field)
            if place is None:
                self.add(_OF_FILE, violation.description)
            else:
                self.add(int(place[1]), self._of_column(place[2] or "", violation.description))

    def add_report(self, report: DataReport) -> None:
        """Add the faulty rows of a report. What concerns the whole file is left out."""
        for finding in report.errors:
            problem = self._of_column(finding.column, f"{finding.message} {finding.remedy}".strip())
            for row in finding.rows:
                self.add(row, problem)
            self.number += max(0, finding.row_count - len(finding.rows))

    def error(self) -> RequestError:
        """Return the error that lists the first faults by row, and counts the others."""
        self._shorten()
        listed = [problem if row == _OF_FILE else f"row {row}: {problem}" for row, problem in self._kept]
        more = self.number - len(listed)
        if more:
            listed.append(f"{more:,} more fault{' is' if more == 1 else 's are'} not listed.")
        return RequestError(f"file: {' '.join(listed)}", reason="DATASET_INVALID", field="file")

    def _shorten(self) -> None:
        self._kept.sort(key=lambda fault: fault[0])
        del self._kept[_MOST_LISTED:]

    def _of_column(self, column: str, problem: str) -> str:
        return f"{self.columns.get(column, column)}: {problem}" if column else problem
