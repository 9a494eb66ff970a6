"""What the entry point names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from acme_foreword.model import TinyModel
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, MetricSpec, Severity
from foreword.plugin import hookimpl
from foreword.plugin.interfaces import (
    Answer,
    BaseModel,
    RowCheck,
    RowValidator,
    Schema,
    Scores,
    Task,
    TaskCheck,
    ValidationContext,
)
from foreword.plugin.register import Register


class ShoutTask(Task):
    """Answers are upper case."""

    id = "shout"
    display_name = "Shout"
    description = "Says it loudly."
    metrics = (MetricSpec(id="same", display_name="Same", description="Share of equal answers, in [0, 1]."),)
    main_metric = "same"

    def fit(self, rows: Iterable[Row], options: TaskOptions) -> Schema:
        return {"longest": max((len(row.output) for row in rows), default=0)}

    def start(self, options: TaskOptions) -> TaskCheck:
        return _ShoutCheck()

    def target(self, output: str, schema: Schema) -> str:
        return output.upper()

    def score(self, answers: Sequence[Answer], references: Sequence[str], schema: Schema) -> Scores:
        same = sum(a.text == b.upper() for a, b in zip(answers, references, strict=True))
        return Scores(metrics={"same": same / max(1, len(references))})


class _ShoutCheck(TaskCheck):
    def row(self, row: Row) -> None:
        pass


class _PoliteCheck(RowCheck):
    def row(self, row: Row) -> Iterable[Finding]:
        if "please" not in row.input.lower():
            yield Finding(
                severity=Severity.WARNING,
                code="IMPOLITE",
                message="The magic word is missing.",
                remedy="Say please.",
                rows=(row.number,),
                row_count=1,
                column="input",
            )


class PoliteValidator(RowValidator):
    """Inputs should say please."""

    id = "polite"
    description = "Looks for the magic word."

    def start(self, context: ValidationContext) -> RowCheck:
        return _PoliteCheck()


@hookimpl
def register_base_models(register: Register[BaseModel]) -> None:
    register.add(TinyModel())


@hookimpl
def register_tasks(register: Register[Task]) -> None:
    register.add(ShoutTask())


@hookimpl
def register_row_validators(register: Register[RowValidator]) -> None:
    register.add(PoliteValidator())
