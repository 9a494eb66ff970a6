"""The base class of tasks that answer with free text, and its checks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.labels.missing_values import is_missing_value
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, ReportPart, Severity, excerpt
from foreword.plugin.interfaces import PERPLEXITY, Answer, Schema, Scores, Task, TaskCheck


class OpenText(Task):
    """A task whose answers are free text; case, whitespace and line breaks are preserved."""

    def fit(self, rows: Iterable[Row], options: TaskOptions) -> Schema:
        """Return an empty schema; free text needs none."""
        return {}

    def target(self, output: str, schema: Schema) -> str:
        """Return the output unchanged."""
        return output

    @abstractmethod
    def row_statistics(self, answer: Answer, reference: str, schema: Schema) -> Sequence[float]:
        """Return numbers from whose sums all metrics follow, but for the perplexity."""

    def score(self, answers: Sequence[Answer], references: Sequence[str], schema: Schema) -> Scores:
        """Return the metrics, which follow from the sums of the statistics of the rows; 0 without rows."""
        rows = [
            self.row_statistics(answer, reference, schema)
            for answer, reference in zip(answers, references, strict=True)
        ]
        if not rows:
            return Scores(metrics={metric.id: 0.0 for metric in self.metrics if metric is not PERPLEXITY})
        return Scores(metrics=self.metrics_of_sums([sum(column) for column in zip(*rows, strict=True)], schema))


class OpenTextCheck(TaskCheck):
    """The check of outputs that are all the same or missing values. Subclasses add the checks of their task."""

    def __init__(self) -> None:
        self._row_count = 0
        self._first: str | None = None
        self._differ = False
        self._missing = RowFinding(
            code="MISSING_VALUE_AS_OUTPUT",
            message="outputs are texts such as 'nan' or 'None', which usually stand for missing values",
            remedy="Write the right outputs or remove these rows, unless the model should give this answer.",
            tolerated_share=0.0,
        )

    def row(self, row: Row) -> None:
        """Check the output, and compare it with that of the first row."""
        self._row_count += 1
        if is_missing_value(row.output):
            self._missing.add(row)
        if self._first is None:
            self._first = row.output
        elif not self._differ:
            self._differ = row.output.strip() != self._first.strip()

    def finish(self) -> tuple[list[Finding], list[ReportPart]]:
        """Return warnings if outputs are missing values, or all outputs are the same."""
        missing = self._missing.findings(self._row_count)
        if self._row_count < 2 or self._differ:
            return missing, []
        finding = Finding(
            severity=Severity.WARNING,
            code="ONE_OUTPUT",
            message=f"All {self._row_count} rows have the same output.",
            remedy="Add rows with other outputs; otherwise the model learns to give the same answer to every input.",
            column="output",
            excerpt=excerpt(self._first or ""),
        )
        return [*missing, finding], []


class RowFinding:
    """A finding about the rows that have a problem: a warning if they are many, otherwise a note.

    Args:
        message: Continuation of `3 of 200`: `summaries have as many words as their texts`.
        tolerated_share: Share of all rows up to which the finding is a note.
    """

    def __init__(self, *, code: str, message: str, remedy: str, tolerated_share: float) -> None:
        self._code = code
        self._message = message
        self._remedy = remedy
        self._tolerated_share = tolerated_share
        self._count = 0
        self._numbers: list[int] = []
        self._excerpt = ""

    def add(self, row: Row) -> None:
        """Count a row that has the problem."""
        self._count += 1
        if len(self._numbers) < MAX_ROWS_PER_FINDING:
            self._numbers.append(row.number)
            self._excerpt = self._excerpt or excerpt(row.output)

    def findings(self, row_count: int) -> list[Finding]:
        """Return the finding for a file with this number of rows; none if no row has the problem."""
        if not self._count:
            return []
        return [
            Finding(
                severity=Severity.WARNING if self._count > self._tolerated_share * row_count else Severity.INFO,
                code=self._code,
                message=f"{self._count:,} of {row_count:,} {self._message}.",
                remedy=self._remedy,
                rows=tuple(self._numbers),
                row_count=self._count,
                column="output",
                excerpt=self._excerpt,
            )
        ]


def plain(text: str) -> str:
    """Return a text in lower case with normalised whitespace, for comparisons."""
    return " ".join(text.casefold().split())
