"""Failures of experiments and revisions as they are stored."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.errors import ForewordError


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The error that ended an experiment or a probe, as it is stored and sent.

    Attributes:
        kind: Value of the error's `ErrorKind`.
        reason: Stable identifier in UPPER_SNAKE_CASE.
        message: The problem and the remedy in plain language.
    """

    kind: str
    reason: str
    message: str

    @classmethod
    def of(cls, error: ForewordError) -> Failure:
        """Return the failure that records an error."""
        return cls(kind=error.kind.value, reason=error.reason, message=error.message)
