"""Checkpoints as bytes: safetensors with a JSON header, never a pickle that could run code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from foreword.errors import ArtifactError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

_HEADER = "foreword"


def pack(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """Tensors and JSON in one piece."""
    on_cpu = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    return save(on_cpu, metadata={_HEADER: json.dumps(header)})


def unpack(payload: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `pack` was given.

    Raises:
        ArtifactError: It is no checkpoint.
    """
    try:
        tensors = load(payload)
        # The format's own layout: 8 bytes with the length of the JSON that follows.
        size = int.from_bytes(payload[:8], "little")
        metadata = json.loads(payload[8 : 8 + size])["__metadata__"]
        header: dict[str, Any] = json.loads(metadata[_HEADER])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ArtifactError(f"The checkpoint cannot be read: {error}. The run starts again.") from error
    return tensors, header


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state, tensors apart from numbers; rates are recomputed and not kept."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for place, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{place}/{name}"] = value
            else:
                numbers[f"{place}/{name}"] = value
    return tensors, numbers


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Puts back what `optimizer_state` took."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *numbers.items()]:
        place, name = key.split("/", 1)
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


__all__ = ["optimizer_state", "pack", "restore_optimizer", "unpack"]
