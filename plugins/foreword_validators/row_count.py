"""Files that are too small to learn from."""

from __future__ import annotations

from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, ReportPart, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

MIN_ROWS = 10
"""Rows below which a file draws a warning."""


class RowCount(RowValidator):
    """Fewer than 10 rows are a warning; that there is none at all is the reader's to say."""

    id = "row_count"
    description = f"Fewer than {MIN_ROWS} rows."

    def start(self, context: ValidationContext) -> RowCheck:
        """Applies to every task."""
        return _Check()


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
            remedy="Bring at least 50, better 200; with a handful, examples in the prompt do better than tuning.",
        )
        return (finding,), ()
