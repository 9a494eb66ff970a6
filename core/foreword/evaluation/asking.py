"""A system that answers rows: a base model with its prompt and its adapter, if any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from foreword.domain.dataset import Row
from foreword.domain.inference import GenerateParameters
from foreword.evaluation.prompting import Prompting
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import LabelSpace

Check = Callable[[], None]
"""Called periodically; raises an error to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer that a system has given.

    Attributes:
        tokens: Number of tokens of the request and of the answer, without the soft prompt.
        scored: The label sets that it has chosen from; None if the text was generated.
    """

    text: str
    tokens: int
    scored: ScoredSets | None = None


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A system and how it is asked.

    Attributes:
        prompting: Its requests. Inputs are cut so that every answer fits.
        contributions: Those of the tuned model; none for a base model.
        space: The label sets that it may answer; None if it generates text.
        label_temperature: Divisor of the log-probabilities of the label sets, from the calibration of a tuned model.
        max_new_tokens: Maximum length of a generated answer.
    """

    runner: ModelRunner
    prompting: Prompting
    contributions: Sequence[Contribution] = ()
    space: LabelSpace | None = None
    label_temperature: float = 1.0
    max_new_tokens: int

    @cached_property
    def adapter(self) -> LoadedAdapter | None:
        """The contributions on the device."""
        return self.runner.load_adapter(self.contributions)

    @cached_property
    def _fitting(self) -> Prompting:
        room = self.runner.longest_input(self.adapter, self.runner.candidates(self.space) if self.space else None)
        return replace(self.prompting, max_tokens=min(self.prompting.max_tokens, room))

    def requests(self, rows: Sequence[Row], check: Check) -> list[str]:
        """Return the texts with which the system is asked about rows."""
        texts: list[str] = []
        for row in rows:
            check()
            texts.append(self._fitting.text(row, self.runner))
        return texts

    def ask(self, requests: Sequence[str], check: Check) -> list[Given]:
        """Return the answers to requests.

        Args:
            requests: From `requests`.
            check: Called periodically; raises an error to stop.
        """
        parameters = GenerateParameters(max_new_tokens=self.max_new_tokens)
        asked = [TextRow(text=text, adapter=self.adapter, parameters=parameters) for text in requests]
        return self._generate(asked, check) if self.space is None else self._choose(asked, self.space, check)

    def _generate(self, asked: Sequence[TextRow], check: Check) -> list[Given]:
        answers = self.runner.generate(asked, should_stop=_stopping(check))
        return [Given(text=answer.text, tokens=answer.input_tokens + answer.generated_tokens) for answer in answers]

    def _choose(self, asked: Sequence[TextRow], space: LabelSpace, check: Check) -> list[Given]:
        raw = self.runner.score_label_sets(asked, space, should_stop=_stopping(check))
        scored = [found.divided(self.label_temperature) for found in raw]
        return [
            Given(
                text=found.text(0),
                tokens=len(self.runner.tokenize(request.text)) + found.token_counts[0],
                scored=found,
            )
            for request, found in zip(asked, scored, strict=True)
        ]


def _stopping(check: Check) -> Callable[[], bool]:
    """Return a function that calls `check`, which raises through the runner to stop, and returns False."""

    def should_stop() -> bool:
        check()
        return False

    return should_stop
