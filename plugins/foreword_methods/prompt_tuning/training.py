"""A soft prompt while it is trained.

Shapes: P virtual tokens, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

import torch

from foreword.plugin.contributions import Contribution, Embeds
from foreword.plugin.interfaces import Artifact, ParameterGroup, Trainable
from foreword_methods.prompt_tuning.peft_format import KIND, TENSOR

if TYPE_CHECKING:
    from torch import Tensor

_AVERAGING_START: Final = 10
"""Damps the first averages, so that the vectors from before training do not linger in them."""


class Prompt(Trainable):
    """The vectors, their running average, and what happens to inputs in training.

    Args:
        vectors_PD: Where the prompt starts, in fp32.
        shape: Facts of the base model that PEFT's configuration asks for.
        special_tokens: Never left out of an input.
        token_dropout: Share of an input's tokens that is left out.
        averaging: Weight of the past in the running average; 0 keeps none.
    """

    def __init__(
        self,
        vectors_PD: Tensor,
        *,
        shape: Mapping[str, Any],
        special_tokens: frozenset[int],
        token_dropout: float,
        averaging: float,
    ) -> None:
        self._vectors_PD = vectors_PD.requires_grad_()
        self._shape = dict(shape)
        self._special_tokens = special_tokens
        self._token_dropout = token_dropout
        self._averaging = averaging
        self._average_PD = vectors_PD.detach().clone()
        self._updates = torch.zeros((), dtype=torch.int64)

    @property
    def groups(self) -> Sequence[ParameterGroup]:
        """The vectors."""
        return (ParameterGroup(parameters={TENSOR: self._vectors_PD}),)

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """The running average, if there is one."""
        return {"average": self._average_PD, "updates": self._updates} if self._averaging else {}

    def contribute(self) -> Sequence[Contribution]:
        """The vectors in front."""
        return (Embeds(vectors_PD=self._vectors_PD),)

    def vary_input(self, input_ids: Sequence[int], generator: Random) -> Sequence[int]:
        """Leaves tokens out at random, but never all of them."""
        if not self._token_dropout:
            return input_ids
        kept = [
            token for token in input_ids if token in self._special_tokens or generator.random() >= self._token_dropout
        ]
        return kept if any(token not in self._special_tokens for token in kept) else input_ids

    @torch.no_grad()
    def after_step(self) -> None:
        """Moves the running average."""
        if not self._averaging:
            return
        self._updates += 1
        updates = int(self._updates)
        self._average_PD.lerp_(self._vectors_PD, 1 - min(self._averaging, updates / (updates + _AVERAGING_START)))

    def finish(self) -> Artifact:
        """A copy of the average, or of the vectors where none is kept."""
        vectors_PD = self._average_PD if self._averaging else self._vectors_PD
        return Artifact(
            kind=KIND,
            tensors={TENSOR: vectors_PD.detach().to("cpu", copy=True)},
            context_tokens=vectors_PD.shape[0],
            config=self._shape,
        )
