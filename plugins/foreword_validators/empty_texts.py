"""The check for empty inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext


class EmptyTexts(RowValidator):
    """The check for inputs and outputs that are empty or only whitespace; both are errors."""

    id = "empty_texts"
    description = "An input or output is empty."

    def start(self, context: ValidationContext) -> RowCheck:
        """Start the check, for any task."""
        return _Check(("input",) if context.unlabelled else ("input", "output"))


class _Check(RowCheck):
    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns

    def row(self, row: Row) -> Iterable[Finding]:
        if row.input.strip() and (row.output.strip() or len(self._columns) == 1):
            return ()
        return self._findings(row)

    def _findings(self, row: Row) -> Iterator[Finding]:
        texts = {"input": row.input, "output": row.output}
        for column in self._columns:
            if not texts[column].strip():
                yield Finding(
                    severity=Severity.ERROR,
                    code=f"EMPTY_{column.upper()}",
                    message=f"The {column} is empty.",
                    remedy="Add a text, or remove the row.",
                    rows=(row.number,),
                    row_count=1,
                    column=column,
                )
