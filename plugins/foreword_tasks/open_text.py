"""The base class of tasks that answer with free text, and its checks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, ReportPart, Severity, excerpt
from foreword.plugin.interfaces import Schema, Task


class OpenText(Task):
    """A task whose answers are free text; case, whitespace and line breaks are preserved."""

    def fit(self, rows: Sequence[Row], options: TaskOptions) -> Schema:
        """Return an empty schema; free text needs none."""
        return {}

    def target(self, output: str, schema: Schema) -> str:
        """Return the output unchanged."""
        return output

    def check(self, rows: Sequence[Row], schema: Schema) -> tuple[list[Finding], list[ReportPart]]:
        """Check whether all outputs are the same, then run the checks of the task."""
        findings, parts = self.check_texts(rows)
        return [*_one_output(rows), *findings], parts

    @abstractmethod
    def check_texts(self, rows: Sequence[Row]) -> tuple[list[Finding], list[ReportPart]]:
        """Check the outputs for problems specific to the task."""


def check_rows(
    rows: Sequence[Row],
    test: Callable[[Row], bool],
    *,
    code: str,
    message: str,
    remedy: str,
    tolerated_share: float,
) -> list[Finding]:
    """Return a finding about the rows that match a test: a warning if they are many, otherwise a note.

    Args:
        test: Returns True for a row that has the problem.
        message: Continuation of `3 of 200`: `summaries have as many words as their texts`.
        tolerated_share: Share of all rows up to which the finding is a note.
    """
    found = [row for row in rows if test(row)]
    if not found:
        return []
    return [
        Finding(
            severity=Severity.WARNING if len(found) > tolerated_share * len(rows) else Severity.INFO,
            code=code,
            message=f"{len(found):,} of {len(rows):,} {message}.",
            remedy=remedy,
            rows=tuple(row.number for row in found[:MAX_ROWS_PER_FINDING]),
            row_count=len(found),
            column="output",
            excerpt=excerpt(found[0].output),
        )
    ]


def plain(text: str) -> str:
    """Return a text in lower case with normalised whitespace, for comparisons."""
    return " ".join(text.casefold().split())


def _one_output(rows: Sequence[Row]) -> list[Finding]:
    if len(rows) < 2 or len({row.output.strip() for row in rows}) > 1:
        return []
    return [
        Finding(
            severity=Severity.WARNING,
            code="ONE_OUTPUT",
            message=f"All {len(rows)} rows have the same output.",
            remedy="Add rows with other outputs; otherwise the model learns to give the same answer to every input.",
            column="output",
            excerpt=excerpt(rows[0].output),
        )
    ]
