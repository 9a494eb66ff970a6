"""The encoder learns to give the teacher's sentence vectors from the starter's own tokens.

Shapes: N texts, B batch, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foreword_starter.training.loop import Step
from foreword_starter.training.sentence_encoder import MAX_TOKENS
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

    def __init__(self, texts: Sequence[str], *, batch_size: int, generator: Random) -> None:
        self._texts = texts
        self._batch_size = batch_size
        self._generator = generator
        self.ready: list[list[int]] = []

    def next(self) -> tuple[list[int], list[str]]:
        """The next batch: places of texts, and these as they are to be read."""
        if not self.ready:
            count = min(len(self._texts), self._batch_size * _SORTED_BATCHES)
            drawn = self._generator.sample(range(len(self._texts)), count)
            drawn.sort(key=lambda place: len(self._texts[place]))
            self.ready = [drawn[first : first + self._batch_size] for first in range(0, len(drawn), self._batch_size)]
            self._generator.shuffle(self.ready)
        places = self.ready.pop()
        return places, [self._recase(self._texts[place]) for place in places]

    def _recase(self, text: str) -> str:
        if self._generator.random() < 0.5:
            return text
        return self._generator.choice((str.lower, str.upper, str.title, str.capitalize))(text)


class Distillation:
    """The stage: the encoder alone learns.

    Args:
        texts: In a fixed order, so that a resumed run draws the same ones.
        targets_ND: The teacher's vector of each, turned to the student's width.
    """

    def __init__(
        self, starter: Starter, texts: Sequence[str], targets_ND: Tensor, *, batch_size: int, seed: int
    ) -> None:
        self._starter, self._targets = starter, targets_ND
        self._generator = Random(seed)  # noqa: S311 - no secret
        self._batches = DistillationBatches(texts, batch_size=batch_size, generator=self._generator)

    def forward(self, progress: float) -> Step:
        """One batch of texts."""
        places, texts = self._batches.next()
        rows = self._starter.encode(texts, MAX_TOKENS)
        targets_BD = self._targets[places].to(self._starter.device).float()
        loss, cosine = distillation_loss(self._starter.pooled_ids(rows), targets_BD)
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
def mean_cosine(starter: Starter, texts: Sequence[str], targets_ND: Tensor) -> float:
    """How near the encoder's vectors are to the teacher's, on texts as they are written."""
    cosines = [
        functional.cosine_similarity(
            starter.pooled(texts[first : first + 64]).cpu(), targets_ND[first : first + 64].float().cpu()
        )
        for first in range(0, len(texts), 64)
    ]
    return float(torch.cat(cosines).mean())
