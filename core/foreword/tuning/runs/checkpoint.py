"""Checkpoints as bytes: safetensors with a JSON header, never a pickle, which could run code."""

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
    """Pack tensors and a JSON header into one payload."""
    on_cpu = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    return save(on_cpu, metadata={_HEADER: json.dumps(header)})


def unpack(payload: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the header of a payload that `pack` made.

    Raises:
        ArtifactError: The payload is not a checkpoint.
    """
    try:
        tensors = load(payload)
        # The format's own layout: 8 bytes with the length of the JSON that follows.
        size = int.from_bytes(payload[:8], "little")
        metadata = json.loads(payload[8 : 8 + size])["__metadata__"]
        header: dict[str, Any] = json.loads(metadata[_HEADER])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ArtifactError(
            f"The checkpoint cannot be read: {error}. The run starts again from the beginning."
        ) from error
    return tensors, header


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return an optimiser's state, tensors apart from numbers. Learning rates are recomputed, not stored."""
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
    """Restore a state that `optimizer_state` returned."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *numbers.items()]:
        place, name = key.split("/", 1)
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


__all__ = ["optimizer_state", "pack", "restore_optimizer", "unpack"]
