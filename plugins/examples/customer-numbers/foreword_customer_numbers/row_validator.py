"""A row validator that finds customer numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

_CUSTOMER_NUMBER = re.compile(r"\bC-\d{6}\b")


class CustomerNumbers(RowValidator):
    """Looks for customer numbers, such as C-204117, in inputs and outputs."""

    id = "customer_numbers"
    description = "A text contains a customer number."

    def start(self, context: ValidationContext) -> RowCheck:
        """Begin a file of rows, whatever its task."""
        return _Check()


class _Check(RowCheck):
    def row(self, row: Row) -> Iterable[Finding]:
        for column, text in (("input", row.input), ("output", row.output)):
            if _CUSTOMER_NUMBER.search(text):
                # No excerpt: reports are read by more people than the rows.
                yield Finding(
                    severity=Severity.WARNING,
                    code="CUSTOMER_NUMBER",
                    message=f"The {column} contains a customer number.",
                    remedy="Replace it with a placeholder such as [customer], or remove the row.",
                    rows=(row.number,),
                    row_count=1,
                    column=column,
                )
