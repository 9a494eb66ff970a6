"""The choice of a base model's number format, the same in worker and server."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

_CPU_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""CPU flags (x86, Arm) of bfloat16 support. Other processors emulate bfloat16, which is slower than float32."""
_WORTH_IT: Final = 1.3
"""Minimum speed-up of bfloat16 over float32 for `auto` to choose it, because it costs accuracy."""
_ROUNDS: Final = 15


def choose_dtype(setting: str, device: str) -> str:
    """Return the number format to load a base model in.

    Args:
        setting: `float32`, `bfloat16`, or `auto` for the faster one on this machine.
        device: Torch device, such as `cpu`.

    Returns:
        `float32` or `bfloat16`.
    """
    return _fastest(device) if setting == "auto" else setting


@lru_cache
def _fastest(device: str) -> str:
    """Return the faster number format: read the processor's flags, then measure."""
    import torch

    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device != "cpu" or not _CPU_FLAGS & _cpu_flags():
        return "float32"
    return "bfloat16" if _seconds(torch.float32) > _WORTH_IT * _seconds(torch.bfloat16) else "float32"


def _cpu_flags() -> frozenset[str]:
    """Return the flags of the processor; empty if the system does not report them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":") for line in text.splitlines())
    return next(
        (frozenset(values.split()) for name, _, values in lines if name.strip() in ("flags", "Features")), frozenset()
    )


def _seconds(dtype: object) -> float:
    """Return the time of a matrix product of a small model: the shortest of several, because other load slows some."""
    import torch

    assert isinstance(dtype, torch.dtype)
    left: Tensor = torch.ones(512, 512, dtype=dtype)
    right: Tensor = torch.ones(512, 2048, dtype=dtype)
    shortest = float("inf")
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        left @ right
        shortest = min(shortest, time.perf_counter() - begin)
    return shortest
