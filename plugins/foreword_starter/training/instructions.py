"""Instructions in text: templates of many data sets, labels to choose from, examples, and gaps to fill."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from foreword_starter.training.corpus import Corpus
from foreword_starter.training.forward import PromptedRow
from foreword_starter.training.soft_tasks import Example, SoftTask, SoftTasks
from foreword_starter.training.starter import Starter

_CHOICES: Final = (
    "Choose from these labels: {labels}\n\n{text}", "{text}\n\nOptions: {labels}\nAnswer:",
    "Which of {labels} fits?\n{text}", "Classify the text as {labels}.\nText: {text}\nLabel:",
    "Labels: {labels}\nInput: {text}\nOutput:", 'Answer with one or more of: {labels}.\n"{text}"',
)  # fmt: skip
_EXAMPLE: Final = "Input: {text}\nOutput: {answer}"
_NUM_GAPS: Final = 20
_MIN_DRAWN: Final = 64
_SHORT: Final = 40
"""Tokens of a short row; enough rows are drawn that a window of similar lengths fills the budget."""
_DRAWN_TASKS: Final = 24
"""Number of soft tasks that rows are drawn from before other tasks replace them."""


class Instructions:
    """A generator of rows whose instruction is in the text."""

    def __init__(self, starter: Starter, corpus: Corpus, tasks: SoftTasks, *, max_input_tokens: int) -> None:
        self._starter, self._corpus, self._tasks = starter, corpus, tasks
        self._max_input_tokens = max_input_tokens
        self._drawn: list[SoftTask] = []
        self._kinds: tuple[tuple[float, Callable[[Random], tuple[str, str]]], ...] = (
            (0.45, self._template), (0.25, self._choice), (0.1, self._episode), (0.2, self._gaps),
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Return the tasks that rows are drawn from."""
        return {"drawn": self._drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._drawn = state["drawn"]

    def batch(self, num_tokens: int, generator: Random) -> list[PromptedRow]:
        """Draw rows of similar length up to a token budget; an answer's tokens count twice."""
        count = max(_MIN_DRAWN, num_tokens // _SHORT)
        makers = generator.choices([make for _, make in self._kinds], [weight for weight, _ in self._kinds], k=count)
        pairs = [make(generator) for make in makers]
        inputs = self._starter.encode([text for text, _ in pairs], self._max_input_tokens)
        answers = self._starter.encode_answers([answer for _, answer in pairs], 48)
        order = sorted(range(len(pairs)), key=lambda place: len(inputs[place]))
        first = generator.randrange(len(order))
        rows: list[PromptedRow] = []
        spent = 0
        for place in order[first:] + order[:first][::-1]:
            spent += len(inputs[place]) + 2 * len(answers[place])
            if rows and spent > num_tokens:
                break
            rows.append(PromptedRow(input_ids=inputs[place], answer_ids=answers[place]))
        return rows

    def _template(self, generator: Random) -> tuple[str, str]:
        row = generator.choice(self._corpus.instructions)
        return row.input, row.output

    def _choice(self, generator: Random) -> tuple[str, str]:
        task, example = self._labelled(generator)
        labels = generator.sample(task.labels, len(task.labels))
        return generator.choice(_CHOICES).format(labels=", ".join(labels), text=example.text), example.answer

    def _episode(self, generator: Random) -> tuple[str, str]:
        task, example = self._labelled(generator)
        shown = generator.sample(task.examples, min(len(task.examples), generator.randint(2, 5)))
        parts = [_EXAMPLE.format(text=other.text, answer=other.answer) for other in shown if other is not example]
        return "\n\n".join([*parts, _EXAMPLE.format(text=example.text, answer="").rstrip()]), example.answer

    def _gaps(self, generator: Random) -> tuple[str, str]:
        """Replace spans of words by `<extra_i>`; the answer lists the spans."""
        words = generator.choice(self._corpus.paragraphs).split()[:60]
        kept: list[str] = []
        gaps: list[str] = []
        place = 0
        while place < len(words):
            if len(gaps) < _NUM_GAPS and generator.random() < 0.06:
                span = generator.randint(1, 5)
                kept.append(f"<extra_{len(gaps)}>")
                gaps.append(f"<extra_{len(gaps)}> {' '.join(words[place : place + span])}")
                place += span
            else:
                kept.append(words[place])
                place += 1
        return " ".join(kept), " ".join(gaps) or " ".join(words[:5])

    def _labelled(self, generator: Random) -> tuple[SoftTask, Example]:
        """Draw a row of a task whose labels are meaningful names."""
        if not self._drawn or generator.random() < 0.02:
            drawn = (self._tasks.draw_named(generator) for _ in range(_DRAWN_TASKS))
            self._drawn = list(drawn)
        task = generator.choice(self._drawn)
        return task, generator.choice(task.examples)
