"""The check for texts that were decoded with the wrong encoding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

# UTF-8 that was read as Windows-1252 or Latin-1: a lead byte (such as Ã or â) followed by the characters of the
# continuation bytes.
_MISREAD = re.compile(
    "\N{REPLACEMENT CHARACTER}"
    "|[\N{LATIN CAPITAL LETTER A WITH TILDE}\N{LATIN CAPITAL LETTER A WITH CIRCUMFLEX}][\u0080-\u00bf]"
    "|\N{LATIN SMALL LETTER A WITH CIRCUMFLEX}[\u0080\N{EURO SIGN}][\u0080-\u00bf\u0152\u0153\u2010-\u2122]"
)


class GarbledTexts(RowValidator):
    """The check for replacement characters, and for accents or quotes that became two or three odd characters."""

    id = "garbled_texts"
    description = "A text was read with the wrong encoding."

    def start(self, context: ValidationContext) -> RowCheck:
        """Start the check, for any task."""
        return _Check()


class _Check(RowCheck):
    def row(self, row: Row) -> Iterable[Finding]:
        if row.input.isascii() and row.output.isascii():
            return ()
        return self._findings(row)

    def _findings(self, row: Row) -> Iterator[Finding]:
        for column, text in (("input", row.input), ("output", row.output)):
            found = _MISREAD.search(text)
            if found is not None:
                yield Finding(
                    severity=Severity.WARNING,
                    code="GARBLED_TEXT",
                    message=f"The {column} has characters that look like text read with the wrong encoding.",
                    remedy="Export the original texts again as UTF-8.",
                    rows=(row.number,),
                    row_count=1,
                    column=column,
                    excerpt=text[max(0, found.start() - 30) : found.end() + 30],
                )
