"""Whether a model fits, asked before anything is downloaded or loaded: the alternative is a killed process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from foreword.errors import FailedPreconditionError

_BYTES: Final = {"float32": 4, "bfloat16": 2}
_MEMINFO: Final = Path("/proc/meminfo")
_CONTROL_GROUP: Final = Path("/sys/fs/cgroup")
_GIB: Final = 2**30


def check_memory(
    name: str, *, parameter_count: int, dtype: str, device: str, available_bytes: int | None = None
) -> None:
    """Refuses a model whose weights do not fit.

    Args:
        parameter_count: Weights.
        dtype: Number format to load them in.
        device: Where to.
        available_bytes: Memory to count with. Default: what the device has left.

    Raises:
        FailedPreconditionError: They do not fit; says what would.
    """
    needed = parameter_count * _BYTES[dtype]
    available = measured_bytes(device) if available_bytes is None else available_bytes
    if available is None or needed <= available:
        return
    smaller = "Set FOREWORD_DTYPE=bfloat16, which needs half of it, free" if dtype == "float32" else "Free"
    raise FailedPreconditionError(
        f"{name} does not fit: its {parameter_count:,} weights take {needed / _GIB:.1f} GiB in {dtype}, and {device} "
        f"has {available / _GIB:.1f} GiB left. {smaller} memory, or choose a smaller model.",
        reason="BASE_MODEL_TOO_LARGE",
        metadata={"needed_bytes": str(needed), "available_bytes": str(available)},
    )


def measured_bytes(device: str) -> int | None:
    """Memory that a device has left in bytes; None where the system does not tell.

    Raises:
        FailedPreconditionError: There is no such device.
    """
    if not device.startswith("cuda"):
        return _main_memory() if device == "cpu" else None
    import torch

    if not torch.cuda.is_available():
        raise FailedPreconditionError(
            f"FOREWORD_DEVICE is {device}, but PyTorch finds no CUDA device. Set it to cpu, or install a PyTorch with "
            "CUDA and its driver.",
            reason="DEVICE_MISSING",
        )
    free, _ = torch.cuda.mem_get_info(device)
    return int(free)


def _main_memory() -> int | None:
    """Main memory that can be had without swapping, within the limit of the container."""
    known = [bytes for bytes in (_system_memory(), _container_memory()) if bytes is not None]
    return min(known, default=None)


def _system_memory() -> int | None:
    """Linux counts the file cache, which it gives up, as available; elsewhere only what is free is known."""
    try:
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _container_memory() -> int | None:
    """What a container's limit leaves; None without one."""
    try:
        limit = (_CONTROL_GROUP / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return None
        used = int((_CONTROL_GROUP / "memory.current").read_text(encoding="ascii"))
        for line in (_CONTROL_GROUP / "memory.stat").read_text(encoding="ascii").splitlines():
            if line.startswith("inactive_file "):
                used -= int(line.split()[1])
    except OSError:
        return None
    return max(0, int(limit) - used)
