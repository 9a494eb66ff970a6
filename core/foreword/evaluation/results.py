"""The results of an evaluation: metrics of every system, their differences, and the rows with all answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from foreword.domain.dataset import Row
from foreword.domain.evaluation import (
    MAX_ANSWER_CHARACTERS,
    AnsweredRow,
    EvaluationResults,
    SystemAnswer,
    SystemDifference,
)
from foreword.domain.report import Calibration, EvaluationExample, Interval, SystemEvaluation
from foreword.domain.report_limits import MAX_EXAMPLES, cut_text
from foreword.evaluation.bootstrap import BootstrapResult, MetricsOfSums, bootstrap
from foreword.evaluation.calibration import calibration
from foreword.evaluation.perplexity import perplexity_of
from foreword.evaluation.row_statistics import RowStatistics
from foreword.plugin.interfaces import PERPLEXITY, Answer, Schema, Task
from foreword.turns.slices import outside

Check = Callable[[], None]
"""Called periodically; raises an error to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredSystem:
    """A system with its answers to all rows.

    Attributes:
        id: Id of the system.
        base_model: Id of its base model, whose tokens perplexity is about.
        answers: To the first rows, in their order.
        soft_prompt_tokens: Number of soft-prompt vectors before each input.
        mean_seconds: Mean compute time of a request.
    """

    id: str
    base_model: str
    answers: Sequence[SystemAnswer]
    soft_prompt_tokens: int
    mean_seconds: float


class Measurement:
    """The measurement of systems on the rows that all of them have answered.

    A system without an answer is left out.

    Args:
        task: Their task.
        schema: The schema in which answers are compared.
        rows: The rows, of which at least the first has an answer.
        targets: The right answers in canonical form.
        systems: The others are compared with the first that has an answer.
        check: Called periodically; raises an error to stop.
    """

    def __init__(
        self,
        task: Task,
        schema: Schema,
        rows: Sequence[Row],
        targets: Sequence[str],
        systems: Sequence[AnsweredSystem],
        *,
        check: Check = lambda: None,
    ) -> None:
        self._task = task
        self._schema = schema
        self._all_rows = rows
        self._targets = targets
        self._all_systems = systems
        self._systems = [system for system in systems if system.answers]
        self._rows = rows[: min(len(system.answers) for system in self._systems)]
        self._check = check

    def results(self) -> EvaluationResults:
        """Return the metrics of all systems with their intervals, and the differences to the first system."""
        measured = [self._measure(system) for system in self._systems]
        found = self._bootstraps()
        return EvaluationResults(
            systems=tuple(
                replace(item, intervals=_merged([result.intervals[place] for result in found]))
                for place, item in enumerate(measured)
            ),
            differences=tuple(
                SystemDifference(
                    system=system.id,
                    reference=self._systems[0].id,
                    metric=metric,
                    difference=difference.difference,
                    interval=difference.interval,
                )
                for place, system in enumerate(self._systems[1:])
                for result in found
                for metric, difference in result.differences[place].items()
                if metric != PERPLEXITY.id or system.base_model == self._systems[0].base_model
            ),
            differing_row_count=sum(self._differs(place) for place in range(len(self._rows))),
        )

    def answered_rows(self) -> Iterator[AnsweredRow]:
        """Return the rows that have an answer, with all of their answers, in order."""
        for place in range(max(len(system.answers) for system in self._systems)):
            row = self._all_rows[place]
            answers = tuple(
                system.answers[place] if place < len(system.answers) else None for system in self._all_systems
            )
            yield AnsweredRow(
                row=row.number,
                input=row.input,
                reference=cut_text(self._targets[place], MAX_ANSWER_CHARACTERS),
                answers=answers,
                scores=tuple(None if answer is None else self._score(row, answer) for answer in answers),
                is_different=self._differs(place),
            )

    def _measure(self, system: AnsweredSystem) -> SystemEvaluation:
        """Return the results of one system, without intervals."""
        self._check()
        given = system.answers[: len(self._rows)]
        answers = [self._answer(row, answer) for row, answer in zip(self._rows, given, strict=True)]
        outputs = [row.output for row in self._rows]
        with outside():  # a task scores all rows in one call, which can take seconds
            scores = self._task.score(answers, outputs, self._schema)
        metrics = dict(scores.metrics)
        if PERPLEXITY in self._task.metrics:
            nats, tokens = _losses(given)
            metrics[PERPLEXITY.id] = perplexity_of(sum(nats), sum(tokens))
        self._check()
        return SystemEvaluation(
            system=system.id,
            metrics=metrics,
            main_metric=self._task.main_metric,
            row_count=len(self._rows),
            mean_tokens=fmean(answer.tokens for answer in given),
            soft_prompt_tokens=system.soft_prompt_tokens,
            parts=scores.parts,
            examples=tuple(
                EvaluationExample(input=row.input, reference=row.output, prediction=answer.answer)
                for row, answer in list(zip(self._rows, given, strict=True))[:MAX_EXAMPLES]
            ),
            calibration=self._calibration(system),
            mean_seconds=system.mean_seconds,
        )

    def _calibration(self, system: AnsweredSystem) -> Calibration | None:
        return calibration(
            (answer.probability, self._is_same(answer.answer, target))
            for answer, target in zip(system.answers[: len(self._rows)], self._targets, strict=False)
            if answer.probability is not None
        )

    def _bootstraps(self) -> list[BootstrapResult]:
        """Return the intervals of all metrics that follow from sums over the rows, for all systems."""
        found: list[BootstrapResult] = []
        tables = [self._statistics(system) for system in self._systems]
        statistics = [table for table in tables if table is not None]
        if len(statistics) == len(tables):
            found.append(bootstrap(statistics, self._metrics_of_sums(), check=self._check))
        if PERPLEXITY in self._task.metrics:
            losses: list[RowStatistics] = []
            for system in self._systems:
                table = RowStatistics()
                for nats, tokens in zip(*_losses(system.answers[: len(self._rows)]), strict=True):
                    table.add((nats, tokens))
                losses.append(table)
            found.append(
                bootstrap(losses, lambda sums: {PERPLEXITY.id: perplexity_of(sums[0], sums[1])}, check=self._check)
            )
        return found

    def _statistics(self, system: AnsweredSystem) -> RowStatistics | None:
        pairs = (
            (self._answer(row, answer), row.output)
            for row, answer in zip(self._rows, system.answers[: len(self._rows)], strict=True)
        )
        return RowStatistics.of(self._task, pairs, self._schema, check=self._check)

    def _metrics_of_sums(self) -> MetricsOfSums:
        return lambda sums: self._task.metrics_of_sums(sums, self._schema)

    def _score(self, row: Row, answer: SystemAnswer) -> float:
        """Return the main metric on one row alone."""
        given = self._answer(row, answer)
        statistics = self._task.row_statistics(given, row.output, self._schema)
        if statistics is not None:
            found = self._task.metrics_of_sums(statistics, self._schema).get(self._task.main_metric)
            if found is not None:
                return found
        return self._task.score([given], [row.output], self._schema).metrics[self._task.main_metric]

    def _differs(self, place: int) -> bool:
        """Return whether the systems do not all answer a row alike, as far as they have answered it."""
        self._check()
        first, *others = (system.answers[place].answer for system in self._systems if place < len(system.answers))
        return any(not self._is_same(first, other) for other in others)

    def _is_same(self, first: str, second: str) -> bool:
        """Return whether two answers have the same meaning for the task."""
        if first == second:
            return True
        return self._task.read_answer(first, self._schema) == self._task.read_answer(second, self._schema)

    def _answer(self, row: Row, answer: SystemAnswer) -> Answer:
        return Answer(
            text=answer.answer,
            row=row.number,
            probability=answer.probability,
            label_probabilities=answer.label_probabilities,
        )


def _losses(answers: Sequence[SystemAnswer]) -> tuple[list[float], list[int]]:
    """Return the loss of each right answer in nats, and its number of tokens."""
    nats = [answer.reference_nats for answer in answers if answer.reference_nats is not None]
    return nats, [answer.reference_tokens for answer in answers]


def _merged(intervals: Sequence[Mapping[str, Interval]]) -> dict[str, Interval]:
    return {metric: interval for found in intervals for metric, interval in found.items()}
