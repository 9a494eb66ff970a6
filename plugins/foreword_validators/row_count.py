"""The check for files with too few rows."""

from __future__ import annotations

from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, ReportPart, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

MIN_ROWS = 10
"""Number of rows below which a file gets a warning."""


class RowCount(RowValidator):
    """The check for fewer than 10 rows; the file reader itself reports a file without rows."""

    id = "row_count"
    description = f"The file has fewer than {MIN_ROWS} rows."

    def start(self, context: ValidationContext) -> RowCheck | None:
        """Start the check, for any task. Unlabelled rows need none."""
        return None if context.unlabelled else _Check()


class _Check(RowCheck):
    def __init__(self) -> None:
        self._count = 0

    def row(self, row: Row) -> Iterable[Finding]:
        self._count += 1
        return ()

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        if not 0 < self._count < MIN_ROWS:
            return (), ()
        finding = Finding(
            severity=Severity.WARNING,
            code="TOO_FEW_ROWS",
            message=f"{'1 row is' if self._count == 1 else f'{self._count} rows are'} too few to learn from.",
            remedy="Add rows until there are at least 50, preferably 200; with only a few, put examples in the prompt "
            "instead of tuning.",
        )
        return (finding,), ()
