"""A system that answers rows: a base model with its prompt and its adapter, if any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.evaluation import MAX_ANSWER_CHARACTERS, MAX_KEPT_LABELS, SystemAnswer
from foreword.domain.inference import GenerateParameters
from foreword.domain.report_limits import cut_text
from foreword.evaluation.perplexity import answer_nats, encode_answers
from foreword.evaluation.prompting import Prompting
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import LabelSpace

_LEAST_PROBABILITY: Final = 0.001
"""Labels that are less probable are not kept."""

Check = Callable[[], None]
"""Called periodically; raises an error to stop."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A system and how it is asked.

    Attributes:
        prompting: Its requests. Inputs are cut so that every answer fits.
        contributions: Those of the tuned model; none for a base model.
        space: The label sets that it may answer; None if it generates text.
        label_temperature: Divisor of the log-probabilities of the label sets, from the calibration of a tuned model.
        max_new_tokens: Maximum length of a generated answer.
        max_target_tokens: Maximum length of a right answer whose loss is measured; None if none is.
    """

    runner: ModelRunner
    prompting: Prompting
    contributions: Sequence[Contribution] = ()
    space: LabelSpace | None = None
    label_temperature: float = 1.0
    max_new_tokens: int
    max_target_tokens: int | None = None

    @cached_property
    def adapter(self) -> LoadedAdapter | None:
        """The contributions on the device."""
        return self.runner.load_adapter(self.contributions)

    @cached_property
    def _fitting(self) -> Prompting:
        room = self.runner.longest_input(self.adapter, self.runner.candidates(self.space) if self.space else None)
        return replace(self.prompting, max_tokens=min(self.prompting.max_tokens, room))

    def answers(self, rows: Sequence[Row], targets: Sequence[str], check: Check) -> list[SystemAnswer]:
        """Return the answers to rows.

        Args:
            targets: The right answers in canonical form.
            check: Called periodically; raises an error to stop.
        """
        texts: list[str] = []
        for row in rows:
            check()
            texts.append(self._fitting.text(row, self.runner))
        parameters = GenerateParameters(max_new_tokens=self.max_new_tokens)
        requests = [TextRow(text=text, adapter=self.adapter, parameters=parameters) for text in texts]
        found = self._generate(requests, check) if self.space is None else self._choose(requests, self.space, check)
        if self.max_target_tokens is None:
            return found
        return self._with_losses(found, texts, targets, self.max_target_tokens, check)

    def _generate(self, requests: Sequence[TextRow], check: Check) -> list[SystemAnswer]:
        answers = self.runner.generate(requests, should_stop=_stopping(check))
        return [
            SystemAnswer(
                answer=cut_text(answer.text, MAX_ANSWER_CHARACTERS),
                tokens=answer.input_tokens + answer.generated_tokens,
            )
            for answer in answers
        ]

    def _choose(self, requests: Sequence[TextRow], space: LabelSpace, check: Check) -> list[SystemAnswer]:
        raw = self.runner.score_label_sets(requests, space, should_stop=_stopping(check))
        scored = [found.divided(self.label_temperature) for found in raw]
        return [
            SystemAnswer(
                answer=found.text(0),
                tokens=len(self.runner.tokenize(request.text)) + found.token_counts[0],
                probability=found.probabilities[0],
                label_probabilities=_kept_labels(found),
            )
            for request, found in zip(requests, scored, strict=True)
        ]

    def _with_losses(
        self, found: Sequence[SystemAnswer], texts: Sequence[str], targets: Sequence[str], limit: int, check: Check
    ) -> list[SystemAnswer]:
        """Add to answers the loss of the right ones."""
        encoded = encode_answers(self.runner, texts, targets, limit)
        nats = answer_nats(self.runner.model, encoded, self.contributions, check=check)
        return [
            replace(answer, reference_nats=loss, reference_tokens=len(row.target_ids))
            for answer, row, loss in zip(found, encoded, nats, strict=True)
        ]


def _kept_labels(found: ScoredSets) -> dict[str, float]:
    likely = {label: share for label, share in found.label_probabilities.items() if share >= _LEAST_PROBABILITY}
    kept = sorted(likely.items(), key=lambda item: -item[1])[:MAX_KEPT_LABELS]
    return {label: round(share, 6) for label, share in kept}


def _stopping(check: Check) -> Callable[[], bool]:
    """Return a function that calls `check`, which raises through the runner to stop, and returns False."""

    def should_stop() -> bool:
        check()
        return False

    return should_stop
