"""Collection of findings within bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, Severity, excerpt

MAX_FINDINGS = 1000
"""Maximum number of findings in a report."""

_FEW = 5
"""Number of rows up to which equal errors are kept apart, even if all rows of a file have them."""

_FILE_CODES = ("INVALID_UTF8",)
"""Codes of faults of rows that have one cause in the whole file, however many rows have them."""

_Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Merged:
    """Equal findings about several rows.

    Attributes:
        first: The first of them.
        rows: The first 20 rows.
        count: Number of rows.
        listed: Number of the findings that are kept apart as well.
        are_same: Whether all have the same message.
    """

    first: Finding
    rows: list[int] = field(default_factory=list)
    count: int = 0
    listed: int = 0
    are_same: bool = True

    def add(self, finding: Finding) -> None:
        """Count another one."""
        self.are_same = self.are_same and finding.message == self.first.message
        self.count += max(finding.row_count, len(finding.rows))
        room = MAX_ROWS_PER_FINDING - len(self.rows)
        if room > 0:
            self.rows += finding.rows[:room]

    def is_of_file(self, row_count: int) -> bool:
        """Return whether these are one error of a file with this number of rows."""
        if self.count > MAX_ROWS_PER_FINDING:
            return 0 < row_count <= 2 * self.count
        return self.are_same and self.count > _FEW and self.count == row_count

    def finding(self) -> Finding:
        """Return one finding for all of them."""
        return replace(self.first, rows=tuple(self.rows), row_count=self.count, excerpt=excerpt(self.first.excerpt))


class FindingCollector:
    """A collection of up to `MAX_FINDINGS` findings of each severity and a count of the rest.

    Equal warnings and equal remarks about several rows are merged into one. Errors are kept apart, so that each faulty
    row is listed, unless at least half of more than 20 rows, or all of a few, have the same error: then it is one error
    of the file.
    """

    def __init__(self) -> None:
        self._kept: dict[Severity, list[Finding | _Merged]] = {severity: [] for severity in Severity}
        self._merged: dict[_Key, _Merged] = {}
        self._errors: dict[tuple[str, str, str], _Merged] = {}
        self._omitted = 0

    def add(self, finding: Finding, source: str = "") -> None:
        """Add a finding; `source` is its source unless it has one already."""
        source = finding.source or source
        if finding.severity is Severity.ERROR or not (finding.rows or finding.row_count):
            self._add_apart(finding, source)
            return
        key = (source, finding.code, finding.column, finding.message)
        merged = self._merged.get(key)
        if merged is None:
            kept = self._kept[finding.severity]
            if len(kept) >= MAX_FINDINGS:
                self._omitted += 1
                return
            merged = self._merged[key] = _Merged(replace(finding, source=source))
            kept.append(merged)
        merged.add(finding)

    def result(self, row_count: int = 0) -> tuple[tuple[Finding, ...], int]:
        """Return the findings, the most severe first and then by row, and the number of omitted ones.

        Args:
            row_count: Number of rows read, of which an error of the file concerns at least half; 0 to keep all errors
                apart.
        """
        of_file = {
            key: merged
            for key, merged in self._errors.items()
            if merged.is_of_file(row_count) or (key[1] in _FILE_CODES and merged.count > 1)
        }
        omitted = self._omitted
        everything: list[Finding] = []
        for severity in sorted(Severity, reverse=True):
            found = [item.finding() if isinstance(item, _Merged) else item for item in self._kept[severity]]
            if severity is Severity.ERROR and of_file:
                found = [finding for finding in found if (finding.source, finding.code, finding.column) not in of_file]
                found += [_of_file(merged, row_count) for merged in of_file.values()]
                omitted -= sum(merged.count - merged.listed for merged in of_file.values())
            everything += sorted(found, key=lambda finding: finding.rows[:1])
        return tuple(everything[:MAX_FINDINGS]), omitted + max(0, len(everything) - MAX_FINDINGS)

    def _add_apart(self, finding: Finding, source: str) -> None:
        kept = self._kept[finding.severity]
        room = len(kept) < (MAX_FINDINGS if finding.rows else 2 * MAX_FINDINGS)  # those of the file are listed first
        if finding.severity is Severity.ERROR and len(finding.rows) == 1:
            key = (source, finding.code, finding.column)
            merged = self._errors.get(key)
            if merged is None:
                merged = self._errors[key] = _Merged(replace(finding, source=source))
            merged.add(finding)
            merged.listed += room
        if not room:
            self._omitted += 1
            return
        kept.append(
            replace(
                finding,
                source=source,
                rows=finding.rows[:MAX_ROWS_PER_FINDING],
                row_count=max(finding.row_count, len(finding.rows)),
                excerpt=excerpt(finding.excerpt),
            )
        )


def _of_file(merged: _Merged, row_count: int) -> Finding:
    """Return one error for the rows that have it."""
    of_all = f" of {row_count:,}" if row_count else ""
    return replace(
        merged.finding(),
        message=f"{merged.count:,}{of_all} rows have one fault. In row {merged.rows[0]:,}: {merged.first.message}",
    )
