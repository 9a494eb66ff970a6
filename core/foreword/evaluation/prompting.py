"""What a system is asked: template, instruction and examples around each row's input, within the context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.prompt import PromptExample, StructuredPrompt, apply_verbalizer, compose_to_fit
from foreword.inference.runner import ModelRunner
from foreword.plugin.interfaces import Schema, Task

SHOTS: Final = 3
"""Examples of the few-shot comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompting:
    """How a row's input becomes the text of a request.

    Attributes:
        verbalizer: Template that is applied last, as in serving.
        max_tokens: Longest request; inputs give way, never instruction or examples.
    """

    verbalizer: str
    max_tokens: int
    instruction: str = ""
    examples: tuple[PromptExample, ...] = ()

    def text(self, row: Row, runner: ModelRunner) -> str:
        """The request for a row."""
        return compose_to_fit(
            row.input, self.max_tokens, compose=self._compose, count_tokens=lambda text: len(runner.tokenize(text))
        )

    def leaves_room(self, rows: Sequence[Row], runner: ModelRunner) -> bool:
        """Whether at least half of the rows fit whole; otherwise the answers would tell of the cuts."""
        return median(len(runner.tokenize(self._compose(row.input))) for row in rows) <= self.max_tokens

    def _compose(self, text: str) -> str:
        prompt = StructuredPrompt(input=text, instruction=self.instruction, examples=self.examples)
        return apply_verbalizer(self.verbalizer, prompt.compose())


def request_limit(runner: ModelRunner, max_new_tokens: int) -> int:
    """Return the most tokens that a request without a soft prompt may have."""
    return max(1, runner.model.spec.context_room().longest_input(answer_tokens=max_new_tokens))


def choose_examples(
    rows: Sequence[Row], task: Task, schema: Schema, length: Callable[[str], int]
) -> tuple[PromptExample, ...]:
    """Examples for the few-shot comparison: the most frequent answers, each shown by its row of median length.

    Always the same ones for the same rows.
    """
    by_target: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_target[task.target(row.output, schema)].append(row)
    frequent = sorted(by_target, key=lambda target: (-len(by_target[target]), target))
    chosen: list[PromptExample] = []
    for place in range(SHOTS):
        if not frequent:
            break
        target = frequent[place % len(frequent)]
        candidates = sorted(by_target[target], key=lambda row: (length(row.input), row.number))
        turn = place // len(frequent)
        if turn < len(candidates):
            row = candidates[(len(candidates) // 2 + turn) % len(candidates)]
            chosen.append(PromptExample(input=row.input, output=target))
    return tuple(chosen)
