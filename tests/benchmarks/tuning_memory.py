"""The memory of a tuning loop, measured in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
from pathlib import Path
from tempfile import TemporaryDirectory

from tuning_loops import Setting, make_loop, make_model, make_rows


def peak_bytes(name: str | None, setting: Setting) -> int:
    """Return the largest resident memory in bytes of a process that trains one epoch.

    Args:
        name: The loop; None to load the model only.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_train, (name, setting))


def _train(name: str | None, setting: Setting) -> int:
    with TemporaryDirectory() as folder:
        if name is None:
            make_model(setting.shape, setting.dtype)
        else:
            rows = make_rows(setting.num_rows)
            epoch, batches = make_loop(name, setting, rows, Path(folder))
            epoch(rows, batches)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in kibibytes
