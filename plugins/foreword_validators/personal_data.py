"""The check for personal data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.personal_data import (
    CARD,
    EMAIL,
    IBAN,
    PHONE,
    may_hold_personal_data,
    personal_data_in,
    redact_personal_data,
)
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext

_NAMES: Final = {
    EMAIL: "an e-mail address",
    PHONE: "a telephone number",
    CARD: "the number of a payment card",
    IBAN: "the number of a bank account",
}
_BEFORE: Final = 30
_AFTER: Final = 200


class PersonalData(RowValidator):
    """The check for e-mail addresses, telephone numbers, payment cards and bank accounts in inputs and outputs."""

    id = "personal_data"
    description = "A text contains personal data, such as an e-mail address or a card number."

    def start(self, context: ValidationContext) -> RowCheck:
        """Start the check, for any task."""
        return _Check()


class _Check(RowCheck):
    def row(self, row: Row) -> Iterable[Finding]:
        return [
            finding
            for column, text in (("input", row.input), ("output", row.output))
            if may_hold_personal_data(text)
            for finding in _findings(row, column, text)
        ]


def _findings(row: Row, column: str, text: str) -> Iterator[Finding]:
    """Yield a finding for each kind of personal data in a text, which the report shows redacted."""
    seen: set[str] = set()
    for kind, _, end in personal_data_in(text):
        if kind not in seen:
            seen.add(kind)
            yield Finding(
                severity=Severity.WARNING,
                code="PERSONAL_DATA",
                message=f"The {column} contains {_NAMES[kind]}.",
                remedy=f"Replace it with a placeholder such as {kind}, or remove the row: models repeat what they have "
                "learned.",
                rows=(row.number,),
                row_count=1,
                column=column,
                excerpt=_excerpt(text[: end + _AFTER], kind),
            )


def _excerpt(text: str, kind: str) -> str:
    """Return what is around the first personal data of a kind, without any."""
    redacted = redact_personal_data(text)
    return redacted[max(0, redacted.find(kind) - _BEFORE) :]
