"""The pool of soft prompts that are trained at the same time, each on its own task.

A prompt is initialised as the service would do it, learns from the gradients of the model's own steps, and is replaced
by a prompt for a new task at the end of its life. The model therefore sees prompts of every age, as in meta-learning
with shared updates (CAVIA, Zintgraf et al. 2019, https://arxiv.org/abs/1810.03642), and never a fixed set that it could
memorise.

A prompt learns only from the support rows of its task, which are sometimes few enough to memorise. The model also
learns from the query rows, so it learns to follow prompts on rows that the prompt has never seen.

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
"""Number of most frequent tokens to sample from, as in the service's own initialisation."""
_BETAS: Final = (0.9, 0.98)
_TYPICAL_TEXTS: Final = 12
_ROWS_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """Settings of the prompts.

    Attributes:
        slots: Number of prompts that are trained at the same time.
        lengths: Numbers of virtual tokens; one is drawn for each prompt.
        lives: Minimum and maximum updates in a prompt's life, drawn uniformly on a logarithmic scale.
        rates: Minimum and maximum peak learning rate of AdamW, drawn likewise. The rate rises over the first tenth of
            a life, then falls to zero.
        regression_rates: The same for prompts that start from a regression, which larger steps would spoil.
        support: Minimum and maximum rows that a prompt learns from, drawn likewise.
        starts: Shares of the initialisations: tokens of the vocabulary, the labels' names, the typical tokens of each
            label, and a regression over the support rows' vectors.
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
    """The task of one prompt and its progress.

    Attributes:
        inputs, answers: Rows in token ids; the support rows come first.
        num_support: Number of support rows.
        updates: Updates made so far, out of `length_of_life`.
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
        """The progress as `young`, `mid` or `old`, for the log."""
        share = self.updates / self.length_of_life
        return "young" if share < 1 / 4 else "old" if share > 1 / 2 else "mid"


class PromptPool:
    """The prompts with their optimiser states and their tasks."""

    def __init__(self, starter: Starter, tasks: SoftTasks, settings: PoolSettings, generator: Random) -> None:
        self._starter, self._tasks, self._settings, self._generator = starter, tasks, settings, generator
        longest = max(settings.lengths)
        shape = (settings.slots, longest, starter.width)
        self._vectors_SPD = torch.zeros(shape, device=starter.device)
        self._mean_SPD, self._square_SPD = torch.zeros_like(self._vectors_SPD), torch.zeros_like(self._vectors_SPD)
        self._lives: list[Life] = []
        for slot in range(settings.slots):
            life = self._begin(slot)
            # Stagger the first generation, or all of it would end at once.
            self._lives.append(replace(life, length_of_life=max(1, generator.randint(1, life.length_of_life))))

    def draw(self, groups: int) -> list[int]:
        """Draw the slots to train next."""
        return self._generator.sample(range(len(self._lives)), groups)

    def life(self, slot: int) -> Life:
        """Return the task and the progress of a slot's prompt."""
        return self._lives[slot]

    def prompts(self, slots: list[int]) -> Tensor:
        """Return the vectors of some slots, as a leaf tensor that collects gradients.

        Shape:
            Returns `[G, P, D]`; rows beyond a prompt's own length are unused.
        """
        return self._vectors_SPD[slots].requires_grad_()

    @torch.no_grad()
    def update(self, slots: list[int], prompts_GPD: Tensor) -> None:
        """Make one AdamW step (no decay) for each prompt at its own age; replace prompts whose life is over."""
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
        """Draw a new task for a slot and initialise its prompt."""
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
        """Return the state of the pool, without the settings."""
        return {
            "vectors": self._vectors_SPD, "mean": self._mean_SPD, "square": self._square_SPD, "lives": self._lives,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._vectors_SPD, self._mean_SPD, self._square_SPD = (
            state[name].to(self._starter.device) for name in ("vectors", "mean", "square")
        )
        self._lives = list(state["lives"])


def _logarithmic(interval: tuple[float, float], generator: Random) -> float:
    """Draw a number from an interval, uniformly on a logarithmic scale."""
    low, high = interval
    return low * math.exp(generator.random() * math.log(high / low))


def divide(examples: Sequence[Example], most: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Divide examples into support rows and query rows.

    The support rows are at most `most` and at most four fifths of all examples; query rows share no text with them.
    """
    count = min(most, len(examples) * 4 // 5)
    seen = {text for example in examples[:count] for text in example.sources}
    queries = tuple(example for example in examples[count:] if seen.isdisjoint(example.sources))
    # If every text occurs twice, no row is left for the queries; then use the last ones.
    return tuple(examples[:count]), queries or tuple(examples[count:])


@torch.no_grad()
def initial_vectors(starter: Starter, task: SoftTask, start: str, num_virtual: int, generator: Random) -> Tensor:
    """Return the initial vectors of a prompt.

    Args:
        start: `vocabulary`; `labels`, the mean embedding of each label's name; or `typical`, that combined with the
            mean embedding of the tokens that are frequent in the label's texts and rare in others. Vocabulary tokens
            fill the rest.

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
    """Return the initial vectors of a prompt from a regression over rows, as the service computes them.

    Args:
        inputs, answers: Rows in token ids; answers include the end token.

    Shape:
        Returns `[U, D]`, U at most `most`.
    """
    order = sorted(range(len(inputs)), key=lambda place: len(inputs[place]))
    parts = [order[first : first + _ROWS_AT_ONCE] for first in range(0, len(order), _ROWS_AT_ONCE)]
    pooled_ND = torch.cat([starter.pooled_ids([inputs[place] for place in part]) for part in parts])
    pooled_ND = pooled_ND[starter.tensor(np.argsort(order))]
    closed = [tuple(token for token in answer if token != END) for answer in answers]
    return answer_vectors(pooled_ND, closed, most=most, embed=lambda ids: starter.embeddings_VD[list(ids)].float())
