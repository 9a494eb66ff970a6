"""The encoder learns to give MiniLM's sentence vectors from the starter's own tokens.

Shapes: B batch, D width.
"""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foreword_starter.training.loop import Step
from foreword_starter.training.minilm import MAX_TOKENS, MiniLM
from foreword_starter.training.starter import Starter

_SORTED_BATCHES = 16
"""Batches whose texts are sorted by length together: little padding, and texts still meet ever new neighbours."""
_SIMILARITY_WEIGHT = 5.0


def distillation_loss(student_BD: Tensor, teacher_BD: Tensor) -> tuple[Tensor, Tensor]:
    """One minus the mean cosine, and how far the texts' similarities to each other are off.

    Returns:
        The loss and the mean cosine.
    """
    student_BD, teacher_BD = functional.normalize(student_BD, dim=-1), functional.normalize(teacher_BD, dim=-1)
    cosine = (student_BD * teacher_BD).sum(dim=-1).mean()
    difference_BB = student_BD @ student_BD.T - teacher_BD @ teacher_BD.T
    return 1 - cosine + _SIMILARITY_WEIGHT * difference_BB.square().mean(), cosine


class DistillationBatches:
    """Texts without end, in batches of like length, each half in other case: the teacher does not see case."""

    def __init__(self, texts: list[str], *, batch_size: int, generator: Random) -> None:
        self._texts = texts
        self._batch_size = batch_size
        self._generator = generator
        self.ready: list[list[str]] = []

    def next(self) -> list[str]:
        """The next batch."""
        if not self.ready:
            drawn = self._generator.sample(self._texts, min(len(self._texts), self._batch_size * _SORTED_BATCHES))
            drawn.sort(key=len)
            self.ready = [drawn[first : first + self._batch_size] for first in range(0, len(drawn), self._batch_size)]
            self._generator.shuffle(self.ready)
        return [self._recase(text) for text in self.ready.pop()]

    def _recase(self, text: str) -> str:
        if self._generator.random() < 0.5:
            return text
        return self._generator.choice((str.lower, str.upper, str.title, str.capitalize))(text)


class Distillation:
    """The stage: the encoder alone learns.

    Args:
        texts: In a fixed order, so that a resumed run draws the same ones.
    """

    def __init__(self, starter: Starter, teacher: MiniLM, texts: list[str], *, batch_size: int, seed: int) -> None:
        self._starter, self._teacher = starter, teacher
        self._generator = Random(seed)  # noqa: S311 - no secret
        self._batches = DistillationBatches(texts, batch_size=batch_size, generator=self._generator)

    def forward(self, progress: float) -> Step:
        """One batch of texts."""
        texts = self._batches.next()
        target_BD = self._teacher.encode(texts)
        rows = self._starter.encode(texts, MAX_TOKENS)
        loss, cosine = distillation_loss(self._starter.pooled_ids(rows), target_BD)
        return Step(loss=loss, tokens=sum(map(len, rows)), figures={"cosine": cosine.detach()})

    def after_update(self) -> None:
        """Nothing besides the weights learns."""

    def state_dict(self) -> dict[str, Any]:
        """The generator and the texts that it has drawn."""
        return {"generator": self._generator.getstate(), "ready": self._batches.ready}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Draws on from there."""
        self._generator.setstate(state["generator"])
        self._batches.ready = state["ready"]


@torch.no_grad()
def mean_cosine(starter: Starter, teacher: MiniLM, texts: list[str]) -> float:
    """How near the encoder's vectors are to the teacher's, on texts as they are written."""
    cosines = [
        functional.cosine_similarity(
            starter.pooled(texts[first : first + 64]), teacher.encode(texts[first : first + 64])
        )
        for first in range(0, len(texts), 64)
    ]
    return float(torch.cat(cosines).mean())
