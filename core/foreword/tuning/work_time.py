"""The clock by which training is timed."""

from __future__ import annotations

import time
from collections.abc import Callable


def work_clock(device: str) -> Callable[[], float]:
    """Return the clock that measures the work of a thread on a device, in seconds.

    On CPUs, it is the processor time of the thread, which has its part in every operation: on a machine that is busy
    with something else it runs on only while the thread does, so that a token has the same price as on an idle one.
    On other devices the thread waits for the results, so real time counts.

    Args:
        device: Torch device, such as `cpu`.
    """
    return time.thread_time if device.partition(":")[0] == "cpu" else time.perf_counter
