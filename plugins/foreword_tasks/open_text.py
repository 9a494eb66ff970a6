"""What tasks that answer with free text share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, ReportPart, Severity, excerpt
from foreword.plugin.interfaces import Schema, Task


class OpenText(Task):
    """A task whose answers are texts as the rows have them: case, space and line breaks are kept."""

    def fit(self, rows: Sequence[Row], options: TaskOptions) -> Schema:
        """Free text has nothing to learn beforehand: the schema is empty."""
        return {}

    def target(self, output: str, schema: Schema) -> str:
        """The output as it is."""
        return output

    def check(self, rows: Sequence[Row], schema: Schema) -> tuple[list[Finding], list[ReportPart]]:
        """Warns when all outputs are the same, and of what the task itself looks for."""
        findings, parts = self.check_texts(rows)
        return [*_one_output(rows), *findings], parts

    @abstractmethod
    def check_texts(self, rows: Sequence[Row]) -> tuple[list[Finding], list[ReportPart]]:
        """What is wrong with outputs of this task."""


def concerned(
    rows: Sequence[Row],
    test: Callable[[Row], bool],
    *,
    code: str,
    message: str,
    remedy: str,
    tolerated_share: float,
) -> list[Finding]:
    """A finding about the rows that fail a test: a warning where they are many, a remark where they are few.

    Args:
        message: Begins after the number of rows: `of 200 summaries are as long as their texts`.
        tolerated_share: Up to this share of all rows they are few.
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
    """A text without its case and spacing, to be compared with another."""
    return " ".join(text.casefold().split())


def _one_output(rows: Sequence[Row]) -> list[Finding]:
    if len(rows) < 2 or len({row.output.strip() for row in rows}) > 1:
        return []
    return [
        Finding(
            severity=Severity.WARNING,
            code="ONE_OUTPUT",
            message=f"All {len(rows)} rows have the same output.",
            remedy="Add rows with other outputs; from these, a model learns one answer to everything.",
            column="output",
            excerpt=excerpt(rows[0].output),
        )
    ]
