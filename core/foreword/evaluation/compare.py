"""Comparison of the tuned model with the base model, zero-shot and few-shot, by quality and tokens per request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.parameters import ResolvedParameters
from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN
from foreword.domain.report import EvaluationExample, SystemEvaluation
from foreword.evaluation.asking import Asking, Given
from foreword.evaluation.perplexity import perplexity
from foreword.evaluation.prompting import Prompting, choose_examples, request_limit
from foreword.evaluation.row_statistics import RowStatistics
from foreword.evaluation.temperature import ScoredAnswer
from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Contribution
from foreword.plugin.encoding import encode_target
from foreword.plugin.interfaces import PERPLEXITY, Answer, EncodedRow, LabelSpace, Schema, Scores, Task

EXAMPLE_COUNT: Final = 10
"""Default number of sample answers in a report."""
_SPARE_TOKENS: Final = 8
"""Token limit beyond the longest right answer. Wrong answers can be longer, and are cut here."""

_MOST_CHARACTERS_OF_ROWS: Final = 400_000
"""Maximum size of the results of single rows that are kept: some 100,000 rows of a task with few labels."""

_SURE_NATS: Final = 0.6
"""Loss below which an answer has clearly more than half of the probability, whatever was rounded."""

Check = Callable[[], None]
"""Called periodically; raises an error to stop."""


def evaluate(
    *,
    runner: ModelRunner,
    task: Task,
    schema: Schema,
    verbalizer: str,
    rows: Sequence[Row],
    training_rows: Sequence[Row],
    contributions: Sequence[Contribution],
    instruction: str,
    with_base: bool,
    parameters: ResolvedParameters,
    check: Check = lambda: None,
    example_count: int = EXAMPLE_COUNT,
    on_scored: Callable[[Sequence[ScoredAnswer]], None] = lambda _: None,
) -> tuple[SystemEvaluation, ...]:
    """Measure the tuned model and, if asked, the base model on the same rows.

    The base model is prompted as its users would prompt it: with the instruction and the template, without and with
    three examples from the training rows. For a closed task, it is evaluated without constraints and, as
    `*_constrained`, restricted to the label sets like the tuned model, to separate the gain of tuning from that of the
    constraints.

    Args:
        schema: Schema of the training rows. The label sets of the held-out rows would add candidates that were never
            trained.
        rows: The held-out rows, at least one.
        training_rows: Source of the examples.
        contributions: The tuned contributions.
        instruction: Instruction for the base model; empty for none.
        example_count: Number of sample answers in each evaluation, from the first row on.
        on_scored: Called with the candidates of the tuned model for each row, if the task is closed.

    Returns:
        The evaluations, the tuned model first. A comparison is omitted if its instruction and examples leave no room
        for the inputs.
    """
    bench = _Bench(
        runner=runner, task=task, schema=schema, rows=rows, parameters=parameters, check=check,
        example_count=example_count,
    )  # fmt: skip
    space = task.label_space(schema)
    tuned = Prompting(verbalizer=verbalizer, max_tokens=parameters.max_input_tokens)
    found = [bench.measure("tuned", tuned, contributions, space, on_scored, keeps_rows=True)]
    if not with_base:
        return tuple(found)
    limit = request_limit(runner, bench.max_new_tokens)
    # Rows that are far too long for an example need not be read to their end.
    longest = limit * MOST_CHARACTERS_PER_TOKEN

    def length(text: str) -> int:
        check()
        return len(runner.tokenize(text[:longest]))

    examples = choose_examples(training_rows, task, schema, length)
    asked = {
        "base_zero_shot": Prompting(verbalizer=verbalizer, max_tokens=limit, instruction=instruction),
        "base_three_shot": Prompting(
            verbalizer=verbalizer, max_tokens=limit, instruction=instruction, examples=examples
        ),
    }
    # If instruction and examples do not fit into a short context, there is nothing to compare with.
    asked = {system: prompting for system, prompting in asked.items() if prompting.leaves_room(rows, runner)}
    found += [bench.measure(system, prompting, (), None) for system, prompting in asked.items()]
    if space is not None:
        found += [bench.measure(f"{system}_constrained", prompting, (), space) for system, prompting in asked.items()]
    return tuple(found)


def held_out_metric(
    *,
    runner: ModelRunner,
    task: Task,
    schema: Schema,
    verbalizer: str,
    rows: Sequence[Row],
    contributions: Sequence[Contribution],
    parameters: ResolvedParameters,
    losses: Sequence[tuple[EncodedRow, float]] = (),
    check: Check = lambda: None,
) -> float:
    """Return the task's main metric for the current state of tuning. The other arguments are those of `evaluate`.

    Args:
        losses: The rows as tokens, each with the loss of its answer under the contributions, in nats. An answer that
            has more than half of the probability is the answer of a closed task, and need not be compared with others.
    """
    bench = _Bench(runner=runner, task=task, schema=schema, rows=rows, parameters=parameters, check=check)
    prompting = Prompting(verbalizer=verbalizer, max_tokens=parameters.max_input_tokens)
    return bench.main_metric(prompting, contributions, task.label_space(schema), losses)


def answers(
    *,
    runner: ModelRunner,
    task: Task,
    schema: Schema,
    verbalizer: str,
    rows: Sequence[Row],
    contributions: Sequence[Contribution],
    parameters: ResolvedParameters,
    check: Check = lambda: None,
) -> list[str]:
    """Return the tuned model's answers to the rows. The arguments are those of `evaluate`."""
    bench = _Bench(runner=runner, task=task, schema=schema, rows=rows, parameters=parameters, check=check)
    prompting = Prompting(verbalizer=verbalizer, max_tokens=parameters.max_input_tokens)
    return bench.answers(prompting, contributions, task.label_space(schema))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """The rows and parameters with which every system is evaluated."""

    runner: ModelRunner
    task: Task
    schema: Schema
    rows: Sequence[Row]
    parameters: ResolvedParameters
    check: Check
    example_count: int = EXAMPLE_COUNT

    @property
    def max_new_tokens(self) -> int:
        """Maximum length of an answer in tokens."""
        targets = {self.task.target(row.output, self.schema) for row in self.rows}
        longest = max(
            len(encode_target(self.runner.model, target, self.parameters.max_output_tokens)) for target in targets
        )
        return min(self.parameters.max_output_tokens, longest + _SPARE_TOKENS)

    def measure(
        self,
        system: str,
        prompting: Prompting,
        contributions: Sequence[Contribution],
        space: LabelSpace | None,
        on_scored: Callable[[Sequence[ScoredAnswer]], None] = lambda _: None,
        *,
        keeps_rows: bool = False,
    ) -> SystemEvaluation:
        """Generate the answers of a system for every row, and score them.

        Args:
            keeps_rows: Whether the results of single rows are kept.
        """
        asking = self._asking(prompting, contributions, space)
        texts = asking.requests(self.rows, self.check)
        answered = asking.ask(texts, self.check)
        answers = [_answer(row, given) for row, given in zip(self.rows, answered, strict=True)]
        scores = self._scores(answers)
        if space is not None:
            on_scored(self._scored(answered))
        metrics = dict(scores.metrics)
        if PERPLEXITY in self.task.metrics:
            metrics[PERPLEXITY.id] = perplexity(
                self.runner,
                texts,
                [self.task.target(row.output, self.schema) for row in self.rows],
                contributions,
                max_target_tokens=self.parameters.max_output_tokens,
                check=self.check,
            )
        return SystemEvaluation(
            system=system,
            metrics=metrics,
            main_metric=self.task.main_metric,
            row_count=len(self.rows),
            mean_tokens=fmean(found.tokens for found in answered),
            soft_prompt_tokens=asking.adapter.length if asking.adapter else 0,
            parts=scores.parts,
            examples=tuple(
                EvaluationExample(input=row.input, reference=row.output, prediction=found.text)
                for row, found in list(zip(self.rows, answered, strict=True))[: self.example_count]
            ),
            row_statistics=self._row_statistics(answers) if keeps_rows else "",
        )

    def main_metric(
        self,
        prompting: Prompting,
        contributions: Sequence[Contribution],
        space: LabelSpace | None,
        losses: Sequence[tuple[EncodedRow, float]],
    ) -> float:
        """Return only the task's main metric."""
        asking = self._asking(prompting, contributions, space)
        texts = asking.requests(self.rows, self.check)
        found = self._sure_answers(texts, space, losses) if space is not None and losses else {}
        left = [place for place in range(len(texts)) if place not in found]
        for place, given in zip(left, asking.ask([texts[place] for place in left], self.check), strict=True):
            found[place] = given.text
        # Without probabilities, which the sure answers do not have.
        answers = [Answer(text=found[place], row=row.number) for place, row in enumerate(self.rows)]
        return self._scores(answers).metrics[self.task.main_metric]

    def _sure_answers(
        self, texts: Sequence[str], space: LabelSpace, losses: Sequence[tuple[EncodedRow, float]]
    ) -> dict[int, str]:
        """Return the right answers that are likelier than all others together, by the place of the row.

        Rows whose input or answer was cut, and answers that are no candidates, are not among them.
        """
        candidates = self.runner.candidates(space)
        lengths = {candidates.text(labels): count for labels, count in candidates.counts().items()}
        found: dict[int, str] = {}
        for place, (text, row, (encoded, nats)) in enumerate(zip(texts, self.rows, losses, strict=True)):
            if nats >= _SURE_NATS:
                continue
            target = self.task.target(row.output, self.schema)
            is_whole = lengths.get(target) == len(encoded.target_ids)
            if is_whole and tuple(self.runner.tokenize(text)) == tuple(encoded.input_ids):
                found[place] = target
        return found

    def answers(
        self, prompting: Prompting, contributions: Sequence[Contribution], space: LabelSpace | None
    ) -> list[str]:
        """Return only the texts of the answers."""
        asking = self._asking(prompting, contributions, space)
        return [given.text for given in asking.ask(asking.requests(self.rows, self.check), self.check)]

    def _asking(self, prompting: Prompting, contributions: Sequence[Contribution], space: LabelSpace | None) -> Asking:
        return Asking(
            runner=self.runner,
            prompting=prompting,
            contributions=contributions,
            space=space,
            max_new_tokens=self.max_new_tokens,
        )

    def _scores(self, answers: Sequence[Answer]) -> Scores:
        return self.task.score(answers, [row.output for row in self.rows], self._evaluation_schema)

    def _row_statistics(self, answers: Sequence[Answer]) -> str:
        """Return the results of the rows as text; empty if the task has none, or if there are too many rows."""
        pairs = ((answer, row.output) for answer, row in zip(answers, self.rows, strict=True))
        try:
            found = RowStatistics.of(self.task, pairs, self._evaluation_schema, check=self.check)
        except ValueError:  # a fault of the task, which is no reason to lose the run
            return ""
        text = "" if found is None else found.to_text(self._evaluation_schema)
        return text if len(text) <= _MOST_CHARACTERS_OF_ROWS else ""

    @property
    def _evaluation_schema(self) -> Schema:
        # With the labels that only these rows have: no training row taught them, but they are labels of their own.
        return self.task.evaluation_schema(self.rows, [self.schema])

    def _scored(self, answered: Sequence[Given]) -> list[ScoredAnswer]:
        """Return the candidates of each row, and which of them is right."""
        found = []
        for row, item in zip(self.rows, answered, strict=True):
            self.check()
            assert item.scored is not None, "the task is closed"
            target = self.task.target(row.output, self.schema)
            texts = (item.scored.text(place) for place in range(len(item.scored.sets)))
            right = next((place for place, text in enumerate(texts) if text == target), None)
            found.append(ScoredAnswer(labels=item.scored.sets[0], log_probs=item.scored.log_probs, right=right))
        return found


def _answer(row: Row, given: Given) -> Answer:
    if given.scored is None:
        return Answer(text=given.text, row=row.number)
    return Answer(
        text=given.text,
        row=row.number,
        probability=given.scored.probabilities[0],
        label_probabilities=given.scored.label_probabilities,
    )
