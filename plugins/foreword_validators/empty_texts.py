"""Inputs and outputs that hold nothing."""

from __future__ import annotations

from collections.abc import Iterator

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext


class EmptyTexts(RowValidator):
    """An input or output that is empty or only space is an error."""

    id = "empty_texts"
    description = "Input or output is empty."

    def start(self, context: ValidationContext) -> RowCheck:
        """Applies to every task."""
        return _Check()


class _Check(RowCheck):
    def row(self, row: Row) -> Iterator[Finding]:
        for column, text in (("input", row.input), ("output", row.output)):
            if not text.strip():
                yield Finding(
                    severity=Severity.ERROR,
                    code=f"EMPTY_{column.upper()}",
                    message=f"The {column} is empty.",
                    remedy="Give it a text, or remove the row.",
                    rows=(row.number,),
                    row_count=1,
                    column=column,
                )
