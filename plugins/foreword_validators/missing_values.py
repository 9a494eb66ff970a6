"""The check for inputs that are missing values written as text."""

from __future__ import annotations

from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.domain.labels.missing_values import is_missing_value
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext


class MissingValues(RowValidator):
    """The check for inputs such as `nan`, `None` or `#REF!`; the tasks check the outputs."""

    id = "missing_values"
    description = "An input is a missing value that was written as text."

    def start(self, context: ValidationContext) -> RowCheck:
        """Start the check, for any task."""
        return _Check()


class _Check(RowCheck):
    def row(self, row: Row) -> Iterable[Finding]:
        if not is_missing_value(row.input):
            return ()
        text = row.input.strip()
        finding = Finding(
            severity=Severity.WARNING,
            code="MISSING_VALUE_AS_INPUT",
            message=f"The input is '{text}', which usually stands for a missing value.",
            remedy="Write the text, or remove the rows without one.",
            rows=(row.number,),
            row_count=1,
            column="input",
            excerpt=text,
        )
        return (finding,)
