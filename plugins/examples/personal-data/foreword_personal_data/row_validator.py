"""A row validator that finds personal data."""

from __future__ import annotations

import re
from collections.abc import Iterable

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

# Every repetition is bounded: a text of a megabyte must not keep the check busy.
_PATTERNS = {
    "an e-mail address": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b"),
    "a telephone number": re.compile(r"(?<![\w.])(?:\+|00)\d{1,3}(?:[ /-]?\d{2,5}){2,5}(?!\w)"),
}


class PersonalData(RowValidator):
    """Looks for e-mail addresses and international telephone numbers in inputs and outputs."""

    id = "personal_data"
    description = "A text contains an e-mail address or a telephone number."

    def start(self, context: ValidationContext) -> RowCheck:
        """Begin a file of rows, whatever its task."""
        return _Check()


class _Check(RowCheck):
    def row(self, row: Row) -> Iterable[Finding]:
        for column, text in (("input", row.input), ("output", row.output)):
            for kind, pattern in _PATTERNS.items():
                if pattern.search(text):
                    # No excerpt: reports are read by more people than the rows.
                    yield Finding(
                        severity=Severity.WARNING,
                        code="PERSONAL_DATA",
                        message=f"The text contains what looks like {kind}.",
                        remedy="Replace it with a placeholder such as <contact>, or remove the row.",
                        rows=(row.number,),
                        row_count=1,
                        column=column,
                    )
