"""Prompts for evaluation: template, instruction and examples around the input of each row, within the context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN, PromptExample, StructuredPrompt, compose_to_fit
from foreword.domain.templates import apply_verbalizer
from foreword.inference.runner import ModelRunner
from foreword.plugin.interfaces import Schema, Task

SHOTS: Final = 3
"""Number of examples in the few-shot comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompting:
    """The template of requests for a system.

    Attributes:
        verbalizer: Template, which is applied last, as in serving.
        max_tokens: Maximum length of a request. Inputs are truncated to fit, but never the instruction or the examples.
    """

    verbalizer: str
    max_tokens: int
    instruction: str = ""
    examples: tuple[PromptExample, ...] = ()

    def text(self, row: Row, runner: ModelRunner) -> str:
        """Return the text of the request for a row."""
        return compose_to_fit(
            row.input, self.max_tokens, compose=self._compose, count_tokens=lambda text: len(runner.tokenize(text))
        )

    def leaves_room(self, rows: Sequence[Row], runner: ModelRunner, check: Callable[[], None] = lambda: None) -> bool:
        """Return whether at least half of the rows fit without truncation, which would distort the comparison.

        Args:
            check: Called for each row; raises an error to stop.
        """
        # The frame alone first: long examples are not composed with, and tokenized for, every row.
        if self._length("", runner) > self.max_tokens:
            return False
        lengths: list[int] = []
        for row in rows:
            check()
            lengths.append(self._length(row.input, runner))
        return median(lengths) <= self.max_tokens

    def _length(self, text: str, runner: ModelRunner) -> int:
        """Return the number of tokens of the request for a text; more than `max_tokens` if it is far too long."""
        prompt = self._prompt(text)
        if prompt.composed_length() > self.max_tokens * MOST_CHARACTERS_PER_TOKEN:
            return self.max_tokens + 1
        return len(runner.tokenize(self._compose(text)))

    def _prompt(self, text: str) -> StructuredPrompt:
        return StructuredPrompt(input=text, instruction=self.instruction, examples=self.examples)

    def _compose(self, text: str) -> str:
        return apply_verbalizer(self.verbalizer, self._prompt(text).compose())


def request_limit(runner: ModelRunner, max_new_tokens: int) -> int:
    """Return the maximum number of tokens of a request without a soft prompt."""
    return max(1, runner.model.spec.context_room().longest_input(answer_tokens=max_new_tokens))


def choose_examples(
    rows: Sequence[Row], task: Task, schema: Schema, length: Callable[[str], int], count: int = SHOTS
) -> tuple[PromptExample, ...]:
    """Choose the few-shot examples: for each of the most frequent answers, the row of median length.

    The choice is deterministic.

    Args:
        length: Returns the length of an input.
        count: Number of examples.
    """
    by_target: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_target[task.target(row.output, schema)].append(row)
    frequent = sorted(by_target, key=lambda target: (-len(by_target[target]), target))
    chosen: list[PromptExample] = []
    for place in range(count):
        if not frequent:
            break
        target = frequent[place % len(frequent)]
        candidates = sorted(by_target[target], key=lambda row: (length(row.input), row.number))
        turn = place // len(frequent)
        if turn < len(candidates):
            row = candidates[(len(candidates) // 2 + turn) % len(candidates)]
            chosen.append(PromptExample(input=row.input, output=target))
    return tuple(chosen)
