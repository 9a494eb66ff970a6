"""The distillation stage: the encoder learns the teacher's sentence vectors from the starter's own tokens.

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
"""Batches whose texts are sorted by length together: padding stays low, and batches still vary in composition."""
_SIMILARITY_WEIGHT = 5.0


def distillation_loss(student_BD: Tensor, teacher_BD: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distillation loss and the mean cosine.

    The loss is one minus the mean cosine, plus the weighted squared error of the pairwise similarities.
    """
    student_BD, teacher_BD = functional.normalize(student_BD, dim=-1), functional.normalize(teacher_BD, dim=-1)
    cosine = (student_BD * teacher_BD).sum(dim=-1).mean()
    difference_BB = student_BD @ student_BD.T - teacher_BD @ teacher_BD.T
    return 1 - cosine + _SIMILARITY_WEIGHT * difference_BB.square().mean(), cosine


class DistillationBatches:
    """An endless source of batches of texts of similar length.

    Half of the texts are put in another case, because the teacher ignores case.
    """

    def __init__(self, texts: Sequence[str], *, batch_size: int, generator: Random) -> None:
        self._texts = texts
        self._batch_size = batch_size
        self._generator = generator
        self.ready: list[list[int]] = []

    def next(self) -> tuple[list[int], list[str]]:
        """Return the next batch: the indices of the texts, and the texts with their case changed or not."""
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
    """The distillation stage, which trains only the encoder.

    Args:
        texts: Texts in a fixed order, so that a resumed run draws the same ones.
        targets_ND: The teacher's vector of each text, rotated to the student's width.
    """

    def __init__(
        self, starter: Starter, texts: Sequence[str], targets_ND: Tensor, *, batch_size: int, seed: int
    ) -> None:
        self._starter, self._targets = starter, targets_ND
        self._generator = Random(seed)  # noqa: S311 - no secret
        self._batches = DistillationBatches(texts, batch_size=batch_size, generator=self._generator)

    def forward(self, progress: float) -> Step:
        """Return the loss of a batch of texts."""
        places, texts = self._batches.next()
        rows = self._starter.encode(texts, MAX_TOKENS)
        targets_BD = self._targets[places].to(self._starter.device).float()
        loss, cosine = distillation_loss(self._starter.pooled_ids(rows), targets_BD)
        return Step(loss=loss, tokens=sum(map(len, rows)), figures={"cosine": cosine.detach()})

    def after_update(self) -> None:
        """Do nothing: only the weights are trained."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the random generator and the batches drawn ahead."""
        return {"generator": self._generator.getstate(), "ready": self._batches.ready}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._generator.setstate(state["generator"])
        self._batches.ready = state["ready"]


@torch.no_grad()
def mean_cosine(starter: Starter, texts: Sequence[str], targets_ND: Tensor) -> float:
    """Return the mean cosine between the encoder's and the teacher's vectors, on texts in their original case."""
    cosines = [
        functional.cosine_similarity(
            starter.pooled(texts[first : first + 64]).cpu(), targets_ND[first : first + 64].float().cpu()
        )
        for first in range(0, len(texts), 64)
    ]
    return float(torch.cat(cosines).mean())
