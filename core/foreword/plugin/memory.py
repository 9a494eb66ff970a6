"""Memory for weights: how much they need, how much is available, and the release of unused memory.

A model's size is checked before anything is downloaded or loaded; otherwise the system may kill the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from pathlib import Path
from typing import Final

from foreword.errors import FailedPreconditionError

_BYTES: Final = {"float32": 4, "bfloat16": 2}
_MEMINFO: Final = Path("/proc/meminfo")
_CONTROL_GROUP: Final = Path("/sys/fs/cgroup")
_GIB: Final = 2**30


def weight_bytes(parameter_count: int, dtype: str) -> int:
    """Return the size in bytes of weights in a number format, `float32` or `bfloat16`."""
    return parameter_count * _BYTES[dtype]


def check_memory(
    name: str, *, parameter_count: int, dtype: str, device: str, available_bytes: int | None = None
) -> None:
    """Refuse a model whose weights do not fit into memory.

    Args:
        parameter_count: Number of weights.
        dtype: Number format of the weights in memory.
        device: Device of the weights.
        available_bytes: Memory to use. Default: the free memory of the device.

    Raises:
        FailedPreconditionError: The weights do not fit; the message gives a remedy.
    """
    needed = weight_bytes(parameter_count, dtype)
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
    """Return the free memory of a device in bytes; None if the system does not report it.

    Raises:
        FailedPreconditionError: There is no such device.
    """
    if not device.startswith("cuda"):
        return _main_memory() if device == "cpu" else None
    return _cuda_memory(device)[0]


def total_bytes(device: str) -> int | None:
    """Return the total memory of a device in bytes, within the limit of the container; None if it is not reported.

    Raises:
        FailedPreconditionError: There is no such device.
    """
    if not device.startswith("cuda"):
        return _total_main_memory() if device == "cpu" else None
    return _cuda_memory(device)[1]


def spare_collections() -> None:
    """Let later garbage collections leave out everything that is in memory now, because it stays there for long.

    A full collection over the imports of the service and a base model holds all threads for about 200 ms.
    """
    gc.collect()  # or garbage would stay as well
    gc.freeze()


def collections_are_spared() -> bool:
    """Return whether `spare_collections` was called in this process."""
    return gc.get_freeze_count() > 0


def give_back(device: str) -> None:
    """Return unused memory to the system. The memory of a dropped model is not free until then."""
    if collections_are_spared():
        gc.unfreeze()
        spare_collections()
    else:
        gc.collect()  # networks hold cycles
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):  # not glibc: its allocator decides by itself
        ctypes.CDLL(None).malloc_trim(0)


def _cuda_memory(device: str) -> tuple[int, int]:
    """Return the free and total bytes of an accelerator."""
    import torch

    if not torch.cuda.is_available():
        raise FailedPreconditionError(
            f"FOREWORD_DEVICE is {device}, but PyTorch finds no CUDA device. Set it to cpu, or install a PyTorch with "
            "CUDA and its driver.",
            reason="DEVICE_MISSING",
        )
    free, total = torch.cuda.mem_get_info(device)
    return int(free), int(total)


def _main_memory() -> int | None:
    """Return the main memory available without swapping, within the limit of the container."""
    known = [bytes for bytes in (_system_memory(), _container_memory()) if bytes is not None]
    return min(known, default=None)


def _total_main_memory() -> int | None:
    """Return the main memory of the machine or of the container, whichever is less."""
    known: list[int] = []
    with contextlib.suppress(ValueError, OSError):
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit = _container_limit()
    if limit is not None:
        known.append(limit)
    return min(known, default=None)


def _system_memory() -> int | None:
    """Return the available main memory. On Linux it includes the file cache; other systems report only free memory."""
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


def _container_limit() -> int | None:
    """Return the memory limit of the container; None without a limit."""
    try:
        limit = (_CONTROL_GROUP / "memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return None if limit == "max" else int(limit)


def _container_memory() -> int | None:
    """Return the memory left within the container's limit; None without a limit."""
    limit = _container_limit()
    if limit is None:
        return None
    try:
        used = int((_CONTROL_GROUP / "memory.current").read_text(encoding="ascii"))
        for line in (_CONTROL_GROUP / "memory.stat").read_text(encoding="ascii").splitlines():
            if line.startswith("inactive_file "):
                used -= int(line.split()[1])
    except OSError:
        return None
    return max(0, limit - used)
