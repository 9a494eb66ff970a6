"""How the rows of a batch job are answered: as Classify or Generate answers each of them alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.batch_job import BatchAnswer, BatchJobConfig
from foreword.domain.dataset import Row
from foreword.domain.evaluation import MAX_ANSWER_CHARACTERS
from foreword.domain.failure import Failure
from foreword.domain.inference import GenerateParameters, StopReason
from foreword.domain.label_options import LabelOptions
from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN
from foreword.domain.report_limits import cut_text
from foreword.errors import ArtifactError, ForewordError, InvalidArgumentError
from foreword.evaluation.system_answers import kept_labels
from foreword.inference.engine.preparation import check_characters
from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import LabelSpace

SEEDS: Final = 2**32
"""Number of seeds of sampled answers."""

Text = Callable[[Row], str]
"""Returns the text that the model reads for a row; raises ForewordError if a row is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A row that can be answered, and the number of tokens of its input."""

    row: Row
    text: TextRow
    input_tokens: int


@dataclass(frozen=True, kw_only=True)
class Answering:
    """A model and how it answers rows.

    Attributes:
        contributions: Those of the tuned model; none for a base model.
        space: The label sets to choose from; None if text is generated.
        label_temperature: Divisor of the log-probabilities of the label sets, from the calibration of a tuned model.
        calibration: That calibration; None if there is none.
        soft_prompt_tokens: Number of soft-prompt vectors before every input.
    """

    runner: ModelRunner
    config: BatchJobConfig
    contributions: Sequence[Contribution]
    space: LabelSpace | None
    label_temperature: float = 1.0
    calibration: AnswerCalibration | None = None
    soft_prompt_tokens: int = 0

    def answer(self, rows: Sequence[Row], text: Text, check: Callable[[], None]) -> list[BatchAnswer]:
        """Return the answers to rows, in order. A row that cannot be answered has the reason instead.

        Args:
            check: Called periodically; raises an error to stop.
        """
        answers: dict[int, BatchAnswer] = {}
        asked: list[_Asked] = []
        for row in rows:
            check()
            try:
                asked.append(self._asked(row, text(row)))
            except ForewordError as error:
                answers[row.number] = _failed(row, error)
        answers.update((answer.row, answer) for answer in self._answers(asked, check))
        return [answers[row.number] for row in rows]

    @property
    def _parameters(self) -> GenerateParameters:
        classify = self.config.classify
        if classify is not None:
            return GenerateParameters(truncate_input_tokens=classify.truncate_input_tokens)
        assert self.config.generate is not None, "a job classifies or generates"
        return self.config.generate

    @cached_property
    def _adapter(self) -> LoadedAdapter | None:
        return self.runner.load_adapter(self.contributions)

    @cached_property
    def _candidates(self) -> Candidates | None:
        return None if self.space is None else self.runner.candidates(self.space)

    def _asked(self, row: Row, text: str) -> _Asked:
        """Return a row with its request.

        Raises:
            InvalidArgumentError: The text is empty or too long.
        """
        parameters, spec = self._parameters, self.runner.model.spec
        if parameters.truncate_input_tokens:
            text = text[-spec.context_tokens * MOST_CHARACTERS_PER_TOKEN :]
        else:
            check_characters(text, spec)
        count = len(self.runner.input_ids(text, parameters.truncate_input_tokens))
        self.runner.check_length(count, self._adapter, self._candidates)
        seeded = replace(parameters, seed=(parameters.seed + row.number - 1) % SEEDS if parameters.sample else 0)
        return _Asked(row=row, text=TextRow(text=text, adapter=self._adapter, parameters=seeded), input_tokens=count)

    def _answers(self, asked: Sequence[_Asked], check: Callable[[], None]) -> list[BatchAnswer]:
        """Return the answers to rows. If the model fails for one of them, each is asked alone."""
        try:
            return self._ask(asked, check) if asked else []
        except (InvalidArgumentError, ArtifactError) as error:
            if len(asked) == 1:
                return [_failed(asked[0].row, error)]
            return [answer for item in asked for answer in self._answers([item], check)]

    def _ask(self, asked: Sequence[_Asked], check: Callable[[], None]) -> list[BatchAnswer]:
        def should_stop() -> bool:
            check()
            return False

        texts = [item.text for item in asked]
        if self.space is not None:
            scored = self.runner.score_label_sets(texts, self.space, should_stop=should_stop)
            return [self._scored(item, found) for item, found in zip(asked, scored, strict=True)]
        answers = self.runner.generate(texts, should_stop=should_stop)
        return [
            replace(
                self._answered(item, answer.text, answer.stop_reason),
                generated_tokens=answer.generated_tokens,
            )
            for item, answer in zip(asked, answers, strict=True)
        ]

    def _scored(self, item: _Asked, found: ScoredSets) -> BatchAnswer:
        if self.config.classify is not None:
            return self._labelled(item, found.divided(self.label_temperature), self.config.classify)
        place = found.choose(item.text.parameters)
        answer = self._answered(item, found.text(place), StopReason.EOS_TOKEN)
        return replace(answer, generated_tokens=found.token_counts[place])

    def _answered(self, item: _Asked, text: str, reason: StopReason) -> BatchAnswer:
        return BatchAnswer(
            row=item.row.number,
            input=item.row.input,
            fields=item.row.fields,
            answer=cut_text(text, MAX_ANSWER_CHARACTERS),
            stop_reason=reason,
            input_tokens=item.input_tokens,
            soft_prompt_tokens=self.soft_prompt_tokens,
            seed=item.text.parameters.seed,
        )

    def _labelled(self, item: _Asked, found: ScoredSets, classify: LabelOptions) -> BatchAnswer:
        needed = classify.least_probability(found.sets[0], self.calibration)
        probability = found.probabilities[0]
        abstained = needed is None or probability < needed
        return BatchAnswer(
            row=item.row.number,
            input=item.row.input,
            fields=item.row.fields,
            answer="" if abstained else found.text(0),
            labels=() if abstained else found.sets[0],
            abstained=abstained,
            probability=probability,
            label_probabilities=kept_labels(found),
            input_tokens=item.input_tokens,
            generated_tokens=found.token_counts[0],
            soft_prompt_tokens=self.soft_prompt_tokens,
        )


def _failed(row: Row, error: ForewordError) -> BatchAnswer:
    return BatchAnswer(row=row.number, input=row.input, fields=row.fields, failure=Failure.of(error))
