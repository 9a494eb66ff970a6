"""The factors during training.

Shapes: N columns of all sites, W columns of one site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

import torch
from transformers.pytorch_utils import Conv1D

from foreword.domain.site import Site
from foreword.plugin.contributions import Affine, Contribution
from foreword.plugin.interfaces import Artifact, ParameterGroup, Trainable
from foreword_methods.averaging import RunningAverage
from foreword_methods.ia3.peft_format import KIND
from foreword_methods.token_dropout import TokenDropout

if TYPE_CHECKING:
    from torch import Tensor, nn

_TENSOR = "deviations"


class Scales(Trainable):
    """The factors of all sites in one tensor, as deviations from 1, so that weight decay leads to the base model.

    Args:
        sites: The sites to scale.
        factors: Initial factors by site, `[W]` each; 1 for the other sites.
        network: The base model.
        special_tokens: Tokens that are never dropped from an input.
        token_dropout: Share of an input's tokens to drop.
        averaging: Weight of the past in the running average; 0 keeps none.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        *,
        factors: Mapping[str, Tensor],
        network: nn.Module,
        special_tokens: frozenset[int],
        token_dropout: float,
        averaging: float,
    ) -> None:
        self._sites = tuple(sites)
        device = next(network.parameters()).device
        initial = [factors[site.name] - 1 if site.name in factors else torch.zeros(site.width) for site in sites]
        self._deviations_N = torch.cat(initial).to(device, torch.float32).requires_grad_()
        # PEFT needs this to merge the factors into the weights.
        self._transposed = any(isinstance(network.get_submodule(site.module), Conv1D) for site in sites)
        self._vary_input = TokenDropout(token_dropout, special_tokens)
        self._average = RunningAverage(self._deviations_N, averaging)

    @property
    def groups(self) -> Sequence[ParameterGroup]:
        """The deviations."""
        return (ParameterGroup(parameters={_TENSOR: self._deviations_N}),)

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """The running average, if there is one."""
        return self._average.buffers

    def contribute(self) -> Sequence[Contribution]:
        """Return the factors of each site."""
        return (Affine(scales_W=self._by_site(self._deviations_N)),)

    def vary_input(self, input_ids: Sequence[int], generator: Random) -> Sequence[int]:
        """Drop tokens at random, but never all of them."""
        return self._vary_input(input_ids, generator)

    def after_step(self) -> None:
        """Update the running average."""
        self._average.update()

    def finish(self) -> Artifact:
        """Return a copy of the average, or of the factors if there is no average."""
        factors = self._by_site(self._average.value())
        return Artifact(
            kind=KIND,
            tensors={name: scale_W.contiguous() for name, scale_W in factors.items()},
            context_tokens=0,
            config={"fan_in_fan_out": self._transposed},
        )

    def _by_site(self, deviations_N: Tensor) -> dict[str, Tensor]:
        """Return the factors by name of the site."""
        parts = torch.split(1 + deviations_N, [site.width for site in self._sites])
        return {site.name: scale_W for site, scale_W in zip(self._sites, parts, strict=True)}
