"""A soft prompt during training.

Shapes: P virtual tokens, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from foreword.plugin.contributions import Contribution, Embeds
from foreword.plugin.interfaces import Artifact, ParameterGroup, Trainable
from foreword_methods.averaging import RunningAverage
from foreword_methods.prompt_tuning.peft_format import KIND, TENSOR
from foreword_methods.token_dropout import TokenDropout

if TYPE_CHECKING:
    from torch import Tensor


class Prompt(Trainable):
    """The vectors, their running average and the dropping of input tokens.

    Args:
        vectors_PD: Initial vectors, in fp32.
        shape: Properties of the base model that PEFT's configuration requires.
        special_tokens: Tokens that are never dropped from an input.
        token_dropout: Share of an input's tokens to drop.
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
        self._vary_input = TokenDropout(token_dropout, special_tokens)
        self._average = RunningAverage(vectors_PD, averaging)

    @property
    def groups(self) -> Sequence[ParameterGroup]:
        """The vectors."""
        return (ParameterGroup(parameters={TENSOR: self._vectors_PD}),)

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """The running average, if there is one."""
        return self._average.buffers

    def contribute(self) -> Sequence[Contribution]:
        """Return the vectors in front of the input."""
        return (Embeds(vectors_PD=self._vectors_PD),)

    def vary_input(self, input_ids: Sequence[int], generator: Random) -> Sequence[int]:
        """Drop tokens at random, but never all of them."""
        return self._vary_input(input_ids, generator)

    def after_step(self) -> None:
        """Update the running average."""
        self._average.update()

    def finish(self) -> Artifact:
        """Return a copy of the average, or of the vectors if there is no average."""
        vectors_PD = self._average.value()
        return Artifact(
            kind=KIND,
            tensors={TENSOR: vectors_PD},
            context_tokens=vectors_PD.shape[0],
            config=self._shape,
        )
