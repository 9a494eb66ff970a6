"""Mixed precision: weights in bfloat16 if the hardware supports it, master copies and optimiser states in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def compute_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype to compute in: bfloat16 only with hardware support, because emulation is slower than float32."""
    if device.type == "cuda":
        return torch.bfloat16
    flags = Path("/proc/cpuinfo")
    has_bf16 = flags.is_file() and "avx512_bf16" in flags.read_text()
    return torch.bfloat16 if has_bf16 else torch.float32


@dataclass(frozen=True, slots=True, kw_only=True)
class RateGroup:
    """Named parameters that share a learning rate."""

    rate: float
    parameters: dict[str, nn.Parameter]


class MasterWeights:
    """AdamW over float32 copies of a module's parameters.

    Small updates are lost in bfloat16's eight bits of precision; the copies keep them. Parameters outside the groups
    do not change.
    """

    def __init__(self, groups: Sequence[RateGroup], *, weight_decay: float, clip: float) -> None:
        self._parameters = {name: value for group in groups for name, value in group.parameters.items()}
        self._masters = {name: value.detach().float().clone() for name, value in self._parameters.items()}
        self._rates = [group.rate for group in groups]
        self._clip = clip
        self._optimizer = torch.optim.AdamW(
            [{"params": [self._masters[name] for name in group.parameters], "lr": group.rate} for group in groups],
            betas=(0.9, 0.98), weight_decay=weight_decay, fused=True,
        )  # fmt: skip

    def step(self, factor: float) -> Tensor:
        """Apply the gradients with the rates times the factor, then clear them.

        Returns:
            The norm of the gradients before clipping; reading it synchronises an accelerator.
        """
        for name, parameter in self._parameters.items():
            gradient = parameter.grad
            self._masters[name].grad = None if gradient is None else gradient.float()
            parameter.grad = None
        norm = torch.nn.utils.clip_grad_norm_(list(self._masters.values()), self._clip)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._optimizer.step()
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(self._masters[name])
        return norm

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the master copies and the optimiser."""
        return {"masters": self._masters, "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state, including the weights of the module."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                self._masters[name].copy_(state["masters"][name])
                parameter.copy_(self._masters[name])
        self._optimizer.load_state_dict(state["optimizer"])
