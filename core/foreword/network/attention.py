"""The implementation of attention for passes with gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel


def uses_eager_for_gradients(module: PreTrainedModel) -> bool:
    """Return whether passes with gradients use eager attention, whatever the model was loaded with."""
    return module.device.type == "cpu"


@contextmanager
def attention_for_gradients(module: PreTrainedModel) -> Iterator[None]:
    """Use eager attention while gradients are recorded on a CPU.

    The backward pass of PyTorch's fused attention is slow on CPUs: a step of the starter model takes 250 ms with eager
    attention and 400 ms without in bfloat16, 500 and 710 ms in float32 (one core, batch 16). Switching costs a quarter
    of a millisecond. One thread owns the model, so no other code runs while it is switched.
    """
    before = module.config._attn_implementation
    if not torch.is_grad_enabled() or not uses_eager_for_gradients(module) or before == "eager":
        yield
        return
    module.set_attn_implementation("eager")
    try:
        yield
    finally:
        module.set_attn_implementation(before)
