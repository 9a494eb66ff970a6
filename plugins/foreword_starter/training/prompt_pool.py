"""The soft prompts that live at one time, each with a task of its own.

A prompt begins as the service would begin it, learns by the gradients that the model's own steps bring, and makes room
for a new task at the end of its life. So the model meets prompts of every age, as in meta-learning with shared updates
(CAVIA, Zintgraf et al. 2019, https://arxiv.org/abs/1810.03642), and never a bank that it could learn by heart.

A prompt learns from a task's support rows alone, some of them few enough to be learnt by heart; the model learns from
the query rows too, so it learns to be steered in a way that holds for rows that the prompt has never seen.

Shapes: S slots, G groups (drawn slots), P virtual tokens of the longest prompt, N tokens, D width.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from foreword.plugin.regression import answer_vectors
from foreword_starter.training.soft_tasks import Example, SoftTask, SoftTasks
from foreword_starter.training.starter import END, Starter

FREQUENT_TOKENS: Final = 5000
"""Sampled from, as the service's own start does."""
_BETAS: Final = (0.9, 0.98)
_TYPICAL_TEXTS: Final = 12
_ROWS_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """Of the prompts.

    Attributes:
        slots: Tasks alive at one time.
        lengths: Virtual tokens, one number drawn for each life.
        lives: Least and most updates of a life; drawn evenly on a logarithmic scale.
        rates: Least and most of AdamW's at the peak, drawn likewise; it rises over the first tenth of a life,
            then falls to nothing.
        regression_rates: The same for prompts that begin from a regression, which larger steps would only spoil.
        support: Least and most rows that a prompt learns from; drawn likewise.
        starts: Shares of the starts: tokens of the vocabulary, the labels' names, what is typical of each label, and
            a regression over the support rows' vectors.
    """

    slots: int
    lengths: tuple[int, ...] = (8, 12, 16, 16, 20, 32)
    lives: tuple[int, int] = (40, 240)
    rates: tuple[float, float] = (0.02, 0.1)
    regression_rates: tuple[float, float] = (0.001, 0.02)
    support: tuple[int, int] = (24, 480)
    starts: tuple[float, float, float, float] = (0.2, 0.1, 0.1, 0.6)
    max_input_tokens: int = 96
    max_output_tokens: int = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One prompt's task, from its start to its end.

    Attributes:
        inputs, answers: In token ids, row by row; the support rows first.
        num_support: How many these are.
        updates: Made so far, of `length_of_life`.
    """

    kind: str
    start: str
    num_virtual: int
    rate: float
    length_of_life: int
    num_support: int
    inputs: tuple[tuple[int, ...], ...]
    answers: tuple[tuple[int, ...], ...]
    updates: int = 0

    @property
    def stage(self) -> str:
        """How far on it is, for the log."""
        share = self.updates / self.length_of_life
        return "young" if share < 1 / 4 else "old" if share > 1 / 2 else "mid"


class PromptPool:
    """Prompts, their optimiser's states and their tasks."""

    def __init__(self, starter: Starter, tasks: SoftTasks, settings: PoolSettings, generator: Random) -> None:
        self._starter, self._tasks, self._settings, self._generator = starter, tasks, settings, generator
        longest = max(settings.lengths)
        shape = (settings.slots, longest, starter.width)
        self._vectors_SPD = torch.zeros(shape, device=starter.device)
        self._mean_SPD, self._square_SPD = torch.zeros_like(self._vectors_SPD), torch.zeros_like(self._vectors_SPD)
        self._lives: list[Life] = []
        for slot in range(settings.slots):
            life = self._begin(slot)
            # Staggered, or the first generation would end all at once.
            self._lives.append(replace(life, length_of_life=max(1, generator.randint(1, life.length_of_life))))

    def draw(self, groups: int) -> list[int]:
        """Slots to learn next."""
        return self._generator.sample(range(len(self._lives)), groups)

    def life(self, slot: int) -> Life:
        """Who lives there."""
        return self._lives[slot]

    def prompts(self, slots: list[int]) -> Tensor:
        """Their vectors, as a leaf that collects gradients.

        Shape:
            Returns `[G, P, D]`; rows beyond a prompt's own length belong to nobody.
        """
        return self._vectors_SPD[slots].requires_grad_()

    @torch.no_grad()
    def update(self, slots: list[int], prompts_GPD: Tensor) -> None:
        """One step of AdamW (no decay) for each, at its own age; ends lives that are over."""
        gradient_GPD = prompts_GPD.grad
        assert gradient_GPD is not None
        lives = [self._lives[slot] for slot in slots]
        ages = torch.tensor([life.updates + 1 for life in lives], device=self._starter.device)[:, None, None]
        rates = torch.tensor([self._rate(life) for life in lives], device=self._starter.device)[:, None, None]
        mean, square = self._mean_SPD[slots], self._square_SPD[slots]
        mean = _BETAS[0] * mean + (1 - _BETAS[0]) * gradient_GPD
        square = _BETAS[1] * square + (1 - _BETAS[1]) * gradient_GPD.square()
        step = (mean / (1 - _BETAS[0] ** ages)) / ((square / (1 - _BETAS[1] ** ages)).sqrt() + 1e-8)
        self._vectors_SPD[slots] -= rates * step
        self._mean_SPD[slots], self._square_SPD[slots] = mean, square
        for slot, life in zip(slots, lives, strict=True):
            older = replace(life, updates=life.updates + 1)
            self._lives[slot] = older if older.updates < older.length_of_life else self._begin(slot)

    def _rate(self, life: Life) -> float:
        warmup = max(1, life.length_of_life // 10)
        if life.updates < warmup:
            return life.rate * (life.updates + 1) / warmup
        return life.rate * (1 - (life.updates - warmup) / max(1, life.length_of_life - warmup))

    def _begin(self, slot: int) -> Life:
        """A new task with a new prompt."""
        settings, generator = self._settings, self._generator
        task = self._tasks.draw(generator)
        start = generator.choices(("vocabulary", "labels", "typical", "regression"), settings.starts)[0]
        start = start if task.labels else "vocabulary"
        num_virtual = generator.choice(settings.lengths)
        support, queries = divide(task.examples, round(_logarithmic(settings.support, generator)))
        task, examples = replace(task, examples=support), (*support, *queries)
        inputs = self._starter.encode([row.text for row in examples], settings.max_input_tokens)
        answers = self._starter.encode_answers([row.answer for row in examples], settings.max_output_tokens)
        vectors_PD = initial_vectors(self._starter, task, start, num_virtual, generator)
        if start == "regression":
            found_UD = regression_vectors(self._starter, inputs[: len(support)], answers[: len(support)], num_virtual)
            vectors_PD[: len(found_UD)] = found_UD
        self._vectors_SPD[slot] = 0
        self._vectors_SPD[slot, :num_virtual] = vectors_PD
        self._mean_SPD[slot], self._square_SPD[slot] = 0, 0
        rates = settings.regression_rates if start == "regression" else settings.rates
        return Life(
            kind=task.kind, start=start, num_virtual=num_virtual, rate=_logarithmic(rates, generator),
            length_of_life=round(_logarithmic(settings.lives, generator)), num_support=len(support),
            inputs=tuple(map(tuple, inputs)), answers=tuple(map(tuple, answers)),
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Everything but the settings."""
        return {
            "vectors": self._vectors_SPD, "mean": self._mean_SPD, "square": self._square_SPD, "lives": self._lives,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._vectors_SPD, self._mean_SPD, self._square_SPD = (
            state[name].to(self._starter.device) for name in ("vectors", "mean", "square")
        )
        self._lives = list(state["lives"])


def _logarithmic(interval: tuple[float, float], generator: Random) -> float:
    """A number of an interval, drawn evenly on a logarithmic scale."""
    least, most = interval
    return least * math.exp(generator.random() * math.log(most / least))


def divide(examples: Sequence[Example], most: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Support rows, at most so many and four fifths of all, and as queries the others that share no text with them."""
    count = min(most, len(examples) * 4 // 5)
    seen = {text for example in examples[:count] for text in example.sources}
    queries = tuple(example for example in examples[count:] if seen.isdisjoint(example.sources))
    # A task that says everything twice has no other rows; then the last ones have to do.
    return tuple(examples[:count]), queries or tuple(examples[count:])


@torch.no_grad()
def initial_vectors(starter: Starter, task: SoftTask, start: str, num_virtual: int, generator: Random) -> Tensor:
    """Where a prompt begins.

    Args:
        start: `vocabulary`; `labels`, the mean embedding of each label's name; or `typical`, that and the mean
            embedding of what some of the label's texts have more of than others. Vocabulary fills the rest.

    Shape:
        Returns `[P, D]`, float32.
    """
    table_VD = starter.embeddings_VD
    ordinary = [generator.randrange(END + 30, min(FREQUENT_TOKENS, len(table_VD))) for _ in range(num_virtual)]
    vectors_PD = table_VD[torch.tensor(ordinary)].float()
    if start in ("vocabulary", "regression"):
        return vectors_PD
    labels = task.labels[:num_virtual]
    names = starter.tokenizer.encode_batch(list(labels), add_special_tokens=False)
    everywhere = Counter[int]()
    typical: list[Counter[int]] = []
    if start == "typical":
        for label in labels:
            texts = [row.text for row in task.examples if label in row.labels][:_TYPICAL_TEXTS]
            rows = starter.tokenizer.encode_batch(texts, add_special_tokens=False)
            typical.append(Counter(token for row in rows for token in set(row.ids)))
            everywhere.update(typical[-1].keys())
    for place, name in enumerate(names):
        vectors_PD[place] = table_VD[torch.tensor(name.ids)].float().mean(dim=0)
        if typical and typical[place]:
            tokens = list(typical[place])
            weights = torch.tensor(
                [typical[place][token] * math.log(1 + len(labels) / everywhere[token]) for token in tokens],
                device=table_VD.device,
            )
            mean_D = (table_VD[torch.tensor(tokens)].float() * weights[:, None]).sum(dim=0) / weights.sum()
            vectors_PD[place] = (vectors_PD[place] + mean_D) / 2
    return vectors_PD


@torch.no_grad()
def regression_vectors(
    starter: Starter, inputs: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], most: int
) -> Tensor:
    """Where a prompt begins that knows what a regression over these rows finds, as the service makes it.

    Args:
        inputs, answers: In token ids; answers with the token that closes them.

    Shape:
        Returns `[U, D]`, U at most `most`.
    """
    order = sorted(range(len(inputs)), key=lambda place: len(inputs[place]))
    parts = [order[first : first + _ROWS_AT_ONCE] for first in range(0, len(order), _ROWS_AT_ONCE)]
    pooled_ND = torch.cat([starter.pooled_ids([inputs[place] for place in part]) for part in parts])
    pooled_ND = pooled_ND[starter.tensor(np.argsort(order))]
    closed = [tuple(token for token in answer if token != END) for answer in answers]
    return answer_vectors(pooled_ND, closed, most=most, embed=lambda ids: starter.embeddings_VD[list(ids)].float())
