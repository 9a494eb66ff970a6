"""Failures of experiments and revisions as they are stored."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.report_limits import cut_text
from foreword.errors import ForewordError

_MAX_MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The error that ended an experiment or a probe, as it is stored and sent.

    Attributes:
        kind: Value of the error's `ErrorKind`.
        reason: Stable identifier in UPPER_SNAKE_CASE.
        message: The problem and the remedy in plain language, cut to 1,000 characters.
    """

    kind: str
    reason: str
    message: str

    @classmethod
    def of(cls, error: ForewordError) -> Failure:
        """Return the failure that records an error."""
        return cls(kind=error.kind.value, reason=error.reason, message=cut_text(error.message, _MAX_MESSAGE_CHARACTERS))
