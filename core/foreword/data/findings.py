"""Collection of findings within bounded memory."""

from __future__ import annotations

from dataclasses import replace

from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, Severity, excerpt

MAX_FINDINGS = 1000
"""Maximum number of findings in a report."""

_Key = tuple[str, str, str, str]


class FindingCollector:
    """A collection of up to `MAX_FINDINGS` findings of each severity and a count of the rest.

    Equal warnings and equal remarks about several rows are merged into one. Errors are kept apart, so that each faulty
    row is listed.
    """

    def __init__(self) -> None:
        self._kept: dict[Severity, list[Finding]] = {severity: [] for severity in Severity}
        self._places: dict[_Key, int] = {}
        self._omitted = 0

    def add(self, finding: Finding, source: str = "") -> None:
        """Add a finding; `source` is its source unless it has one already."""
        finding = replace(
            finding,
            source=finding.source or source,
            rows=finding.rows[:MAX_ROWS_PER_FINDING],
            row_count=max(finding.row_count, len(finding.rows)),
            excerpt=excerpt(finding.excerpt),
        )
        kept = self._kept[finding.severity]
        key = (finding.source, finding.code, finding.column, finding.message)
        merges = finding.severity is not Severity.ERROR and finding.row_count > 0
        place = self._places.get(key) if merges else None
        if place is not None:
            before = kept[place]
            rows = (before.rows + finding.rows)[:MAX_ROWS_PER_FINDING]
            kept[place] = replace(before, rows=rows, row_count=before.row_count + finding.row_count)
        elif len(kept) < MAX_FINDINGS:
            if merges:
                self._places[key] = len(kept)
            kept.append(finding)
        else:
            self._omitted += 1

    def result(self) -> tuple[tuple[Finding, ...], int]:
        """Return the findings, the most severe first and then by row, and the number of omitted ones."""
        everything = [finding for severity in sorted(Severity, reverse=True) for finding in self._by_row(severity)]
        return tuple(everything[:MAX_FINDINGS]), self._omitted + max(0, len(everything) - MAX_FINDINGS)

    def _by_row(self, severity: Severity) -> list[Finding]:
        return sorted(self._kept[severity], key=lambda finding: finding.rows[:1])
