"""Construction of findings about labels."""

from __future__ import annotations

from collections.abc import Sequence

from foreword.domain.report import Finding, Severity
from foreword_tasks.label_distribution import LabelledOutput, first_rows

_LISTED = 8


def listed(counts: dict[str, int]) -> str:
    """Return the rarest texts with their counts."""
    rarest = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    more = f" and {len(rarest) - _LISTED} more" if len(rarest) > _LISTED else ""
    return ", ".join(f"'{text}' ({count})" for text, count in rarest[:_LISTED]) + more


def label_note(code: str, message: str, remedy: str, outputs: Sequence[LabelledOutput], excerpt: str = "") -> Finding:
    """Return a remark about the rows with any of these outputs."""
    return label_finding(Severity.INFO, code, message, remedy, outputs, excerpt=excerpt)


def label_finding(
    severity: Severity, code: str, message: str, remedy: str, outputs: Sequence[LabelledOutput], *, excerpt: str
) -> Finding:
    """Return a finding about the rows with any of these outputs."""
    distinct = {id(output): output for output in outputs}.values()  # an output can have a label twice
    return Finding(
        severity=severity,
        code=code,
        message=message,
        remedy=remedy,
        rows=first_rows(distinct),
        row_count=sum(output.row_count for output in distinct),
        column="output",
        excerpt=excerpt,
    )
