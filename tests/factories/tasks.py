"""A task with its own options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import ParameterSpec
from foreword.domain.report import Finding, MetricSpec, ReportPart
from foreword.plugin.interfaces import Answer, Schema, Scores, Task, TaskCheck


class Shout(Task):
    """A task whose answers are in upper case, with the number of exclamation marks of an option."""

    id = "shout"
    display_name = "Shout"
    description = "Answers in upper case."
    options = (
        ParameterSpec(name="marks", description="Marks behind it.", type="int", minimum=1, maximum=5, default=1),
        ParameterSpec(name="tone", description="How loud.", type="string", choices=("loud", "louder"), default="loud"),
    )
    metrics = (MetricSpec(id="same", display_name="Same", description="Share of equal answers, in [0, 1]."),)
    main_metric = "same"

    def fit(self, rows: Iterable[Row], options: TaskOptions) -> Schema:
        """Return the number of marks."""
        return {"marks": (options.extra or {}).get("marks", 1)}

    def start(self, options: TaskOptions) -> TaskCheck:
        """Start a check without findings."""
        return NothingToReport()

    def target(self, output: str, schema: Schema) -> str:
        """Return the output in upper case, with the marks."""
        return output.upper().rstrip("!") + "!" * schema["marks"]

    def score(self, answers: Sequence[Answer], references: Sequence[str], schema: Schema) -> Scores:
        """Count equal answers."""
        same = sum(a.text == self.target(b, schema) for a, b in zip(answers, references, strict=True))
        return Scores(metrics={"same": same / max(1, len(references))})


def answers(*texts: str) -> list[Answer]:
    """Return answers with these texts to the rows from the first on."""
    return [Answer(text=text, row=row) for row, text in enumerate(texts, start=1)]


def checked(
    task: Task, rows: Iterable[Row], options: TaskOptions | None = None
) -> tuple[list[Finding], list[ReportPart]]:
    """Return the findings and parts of a task's check."""
    check = task.start(options or TaskOptions())
    for row in rows:
        check.row(row)
    findings, parts = check.finish()
    return list(findings), list(parts)


class NothingToReport(TaskCheck):
    """A check without findings."""

    def row(self, row: Row) -> None:
        """Accept the row."""
