"""Returns freed memory to the operating system.

The C library keeps what large requests have freed for later use: after a burst of them, a process can hold hundreds of
megabytes for good. `malloc_trim` of glibc gives them back. Other C libraries, such as that of macOS, do so by
themselves.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_INTERVAL_SECONDS: Final = 15.0
_GROWTH_BYTES: Final = 32 * 2**20
"""Growth since the last trim that is worth another one, which takes about 50 ms of a thread."""
_STATUS = Path("/proc/self/statm")


class MemoryTrimmer:
    """Trims the memory of this process whenever it has grown.

    Args:
        resident_bytes: Returns the resident memory of the process.
        trim: Returns freed memory to the operating system.
    """

    def __init__(self, resident_bytes: Callable[[], int], trim: Callable[[], object]) -> None:
        self._resident_bytes = resident_bytes
        self._trim = trim
        self._after_last_trim = 0

    def trim_if_grown(self) -> bool:
        """Trim if the memory has grown by 32 MiB since the last trim, and return whether it did."""
        if self._resident_bytes() < self._after_last_trim + _GROWTH_BYTES:
            return False
        self._trim()
        self._after_last_trim = self._resident_bytes()
        return True


def trimmer() -> MemoryTrimmer | None:
    """Return the trimmer of this process, None where the C library is not glibc."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
        _resident_bytes()
    except (OSError, AttributeError, ValueError, TypeError):
        return None
    return MemoryTrimmer(_resident_bytes, lambda: trim(0))  # ctypes releases the GIL meanwhile


async def keep_trimming() -> None:
    """Trim memory until cancelled, where the C library needs it."""
    own = trimmer()
    while own is not None:
        await asyncio.sleep(_INTERVAL_SECONDS)
        await asyncio.to_thread(own.trim_if_grown)


def _resident_bytes() -> int:
    return int(_STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
