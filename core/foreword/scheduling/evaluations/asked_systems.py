"""How the systems of an evaluation are asked: their prompts, adapters and label sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.evaluation import EvaluatedSystem
from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN, PromptExample
from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError
from foreword.evaluation.asking import Asking
from foreword.evaluation.prompting import Prompting, choose_examples, request_limit
from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Contribution
from foreword.plugin.encoding import encode_target
from foreword.plugin.interfaces import PERPLEXITY, BaseModel, LoadedModel, Schema, Task
from foreword.scheduling.tuned_models import tuned_contributions
from foreword.scheduling.workshop import Workshop

_SPARE_TOKENS: Final = 8
"""Token limit beyond the longest right answer. Wrong answers can be longer, and are cut here."""

_MAX_OUTPUT_TOKENS: Final = 256
"""Maximum length of a generated answer if no tuned model has one of its own."""


class AskedSystems:
    """The ways in which the systems of an evaluation are asked.

    Args:
        workshop: Resources shared by all jobs.
        task: Their task.
        schema: The schema in which answers are compared.
        tuned: The tuned model of each system; None for base models.
        examples: The rows from which examples are taken.
        targets: The right answers of all rows.
        check: Called periodically; raises an error to stop.
    """

    def __init__(
        self,
        workshop: Workshop,
        task: Task,
        schema: Schema,
        tuned: Sequence[TunedModel | None],
        *,
        examples: Sequence[Row],
        targets: Sequence[str],
        check: Callable[[], None],
    ) -> None:
        self._workshop = workshop
        self._task = task
        self._schema = schema
        self._tuned = {model.id: model for model in tuned if model is not None}
        self._first = next((model for model in tuned if model is not None), None)
        self._examples = examples
        self._targets = set(targets)
        self._check = check

    def read_contributions(self, system: EvaluatedSystem, base: BaseModel) -> tuple[Contribution, ...]:
        """Return what the tuned model of a system contributes; nothing for a base model.

        Raises:
            FailedPreconditionError: The base model has other weights now, or the tuning method is not installed.
            ArtifactError: The artifact is missing, not what was stored, or does not fit.
            UnavailableError: The artifact store is unavailable.
        """
        tuned = self._tuned_of(system)
        if tuned is None:
            return ()
        return tuned_contributions(self._workshop, tuned, base)

    def asking(
        self, system: EvaluatedSystem, model: LoadedModel, contributions: Sequence[Contribution], rows: Sequence[Row]
    ) -> Asking:
        """Return how a system is asked.

        Args:
            rows: The rows that it is to answer.

        Raises:
            FailedPreconditionError: Its instruction and examples leave no room for the inputs.
        """
        runner = ModelRunner(model)
        tuned = self._tuned_of(system)
        limit = self._max_output_tokens(system)
        longest = 0
        for target in self._targets:
            self._check()
            longest = max(longest, len(encode_target(model, target, limit)))
        max_new_tokens = min(limit, longest + _SPARE_TOKENS)
        if tuned is not None:
            return Asking(
                runner=runner,
                prompting=Prompting(verbalizer=tuned.verbalizer, max_tokens=tuned.max_input_tokens),
                contributions=contributions,
                space=self._task.label_space(tuned.schema),
                label_temperature=tuned.label_temperature,
                max_new_tokens=max_new_tokens,
            )
        default = self._first.verbalizer if self._first is not None else self._task.default_verbalizer
        prompting = Prompting(
            verbalizer=system.verbalizer or default,
            max_tokens=request_limit(runner, max_new_tokens),
            instruction=system.instruction,
            examples=self._shots(system, runner),
        )
        if not prompting.leaves_room(rows, runner, self._check):
            raise FailedPreconditionError(
                f"The instruction and the examples of the system {system.id} leave no room for most inputs in the "
                f"{model.spec.context_tokens} tokens of {model.spec.id}. Create the evaluation again with fewer shots, "
                "or a shorter instruction.",
                reason="PROMPT_TOO_LONG",
                metadata={"system": system.id},
            )
        return Asking(
            runner=runner,
            prompting=prompting,
            space=self._task.label_space(self._schema) if system.constrained else None,
            max_new_tokens=max_new_tokens,
        )

    def max_target_tokens(self, system: EvaluatedSystem) -> int | None:
        """Return the maximum length of a right answer whose loss is measured; None if the task needs no losses."""
        return self._max_output_tokens(system) if PERPLEXITY in self._task.metrics else None

    def _max_output_tokens(self, system: EvaluatedSystem) -> int:
        leading = self._tuned_of(system) or self._first
        return leading.max_output_tokens if leading is not None else _MAX_OUTPUT_TOKENS

    def _tuned_of(self, system: EvaluatedSystem) -> TunedModel | None:
        return None if system.tuned_model is None else self._tuned[system.tuned_model]

    def _shots(self, system: EvaluatedSystem, runner: ModelRunner) -> tuple[PromptExample, ...]:
        if not system.shots:
            return ()
        # Rows that are far too long for an example need not be read to their end.
        longest = runner.model.spec.context_tokens * MOST_CHARACTERS_PER_TOKEN

        def length(text: str) -> int:
            self._check()
            return len(runner.tokenize(text[:longest]))

        return choose_examples(self._examples, self._task, self._schema, length, system.shots)
