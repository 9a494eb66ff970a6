"""The check for rows that repeat earlier ones."""

from __future__ import annotations

from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, ReportPart, Severity, excerpt
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext
from foreword_validators.row_index import RowIndex

_LISTED = 5


class Duplicates(RowValidator):
    """The check for rows with equal input and output, ignoring surrounding whitespace."""

    id = "duplicates"
    description = "A row repeats an earlier one."

    def start(self, context: ValidationContext) -> RowCheck | None:
        """Start the check, for any task. Unlabelled rows need none."""
        return None if context.unlabelled else _Check()


class _Check(RowCheck):
    """The running check; it stores hashes of rows, not the texts."""

    def __init__(self) -> None:
        self._index = RowIndex()
        self._count = 0
        self._repeats: list[tuple[int, int]] = []
        self._excerpt = ""

    def row(self, row: Row) -> Iterable[Finding]:
        if not row.input.strip():
            return ()
        first = self._index.first(f"{row.input.strip()}\x00{row.output.strip()}", row.number)
        if first != row.number:
            self._count += 1
            self._excerpt = self._excerpt or excerpt(row.input)
            if len(self._repeats) < MAX_ROWS_PER_FINDING:
                self._repeats.append((row.number, first))
        return ()

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        if not self._count:
            return (), ()
        listed = ", ".join(f"{number} repeats {first}" for number, first in self._repeats[:_LISTED])
        more = ", ..." if self._count > _LISTED else ""
        finding = Finding(
            severity=Severity.WARNING,
            code="DUPLICATE_ROWS",
            message=f"{self._count} {'row repeats' if self._count == 1 else 'rows repeat'} an earlier row "
            f"(row {listed}{more}).",
            remedy="Remove the repeated rows; they count twice, and held-out copies make results look better.",
            rows=tuple(number for number, _ in self._repeats),
            row_count=self._count,
            column="input",
            excerpt=self._excerpt,
        )
        return (finding,), ()
