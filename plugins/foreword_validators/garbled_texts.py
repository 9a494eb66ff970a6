"""Texts that were decoded with the wrong encoding before they came here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

# What UTF-8 looks like when it was read as Windows-1252 or Latin-1: a lead byte (Ã, â and their like) with the
# continuation bytes as they show there.
_MISREAD = re.compile(
    "\N{REPLACEMENT CHARACTER}"
    "|[\N{LATIN CAPITAL LETTER A WITH TILDE}\N{LATIN CAPITAL LETTER A WITH CIRCUMFLEX}][\u0080-\u00bf]"
    "|\N{LATIN SMALL LETTER A WITH CIRCUMFLEX}[\u0080\N{EURO SIGN}][\u0080-\u00bf\u0152\u0153\u2010-\u2122]"
)


class GarbledTexts(RowValidator):
    """Replacement characters, and accents or quotes that fell apart into two or three odd characters."""

    id = "garbled_texts"
    description = "Text was read with the wrong encoding."

    def start(self, context: ValidationContext) -> RowCheck:
        """Applies to every task."""
        return _Check()


class _Check(RowCheck):
    def row(self, row: Row) -> Iterator[Finding]:
        for column, text in (("input", row.input), ("output", row.output)):
            found = _MISREAD.search(text)
            if found is not None:
                yield Finding(
                    severity=Severity.WARNING,
                    code="GARBLED_TEXT",
                    message=f"Characters in {column} look as if a file was read with the wrong encoding.",
                    remedy="Export the texts again as UTF-8.",
                    rows=(row.number,),
                    row_count=1,
                    column=column,
                    excerpt=text[max(0, found.start() - 30) : found.end() + 30],
                )
