"""The optimisers: fp32 states of the method's tensors, none of the base model's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from foreword.domain.parameters import ResolvedParameters

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from foreword.plugin.interfaces import ParameterGroup


def make_optimizer(groups: Sequence[ParameterGroup], parameters: ResolvedParameters) -> Optimizer:
    """Return the optimiser of a run. Each of its groups keeps its `scale` of the learning rate."""
    settings = [{"params": list(group.parameters.values()), "scale": group.scale} for group in groups]
    if parameters.optimizer == "adafactor":
        from transformers.optimization import Adafactor

        # Lester et al. 2021: a fixed rate, not scaled by the size of the prompt.
        optimizer: Optimizer = Adafactor(  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
            settings,
            lr=parameters.learning_rate,
            scale_parameter=False,
            relative_step=False,
            warmup_init=False,
            weight_decay=parameters.weight_decay,
        )
        return optimizer
    # A run has a few hundred updates: the usual second beta, 0.999, would average over more updates than there are.
    return torch.optim.AdamW(
        settings, lr=parameters.learning_rate, betas=(0.9, 0.98), weight_decay=parameters.weight_decay
    )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of every group, times the group's scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


def clip(tensors: Sequence[Tensor], largest_norm: float) -> None:
    """Scale all gradients down to a joint norm; 0 leaves them unchanged."""
    if largest_norm > 0:
        torch.nn.utils.clip_grad_norm_(tensors, largest_norm)
