"""Measurement of the memory that a check keeps."""

from __future__ import annotations

import gc
import glob
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from foreword.domain.dataset import Row

MAX_BYTES_PER_ROW: Final = 500
"""Maximum memory that a check may keep per row: files have up to a million rows and 200 MB."""

ROW_CHARACTERS: Final = 2_000
"""Approximate length of the input and of the output of each row in the measurement."""

_ROWS: Final = 100
_FRAMES: Final = 25
"""Frames kept of each allocation: enough to reach this function from the depth of a plugin."""


def kept_per_row(read: Callable[[Row], None], outputs: Sequence[str] = ()) -> float:
    """Return how many bytes per row are kept after `read` was called with many rows whose inputs are long and differ.

    Args:
        outputs: Outputs of the rows, in turns. By default, they are as long as the inputs and differ as well.
    """
    for row in _long_rows(range(10), outputs):  # for one-time allocations, such as imports and regular expressions
        read(row)
    gc.collect()
    tracemalloc.start(_FRAMES)
    try:
        for row in _long_rows(range(10, 10 + _ROWS), outputs):
            read(row)
        del row
        gc.collect()  # what waits for the collector is not kept
        # Other threads of the process allocate too: only what this function called counts.
        own = tracemalloc.Filter(inclusive=True, filename_pattern=glob.escape(__file__), all_frames=True)
        traces = tracemalloc.take_snapshot().filter_traces([own]).traces
        return sum(trace.size for trace in traces) / _ROWS
    finally:
        tracemalloc.stop()


def _long_rows(numbers: range, outputs: Sequence[str]) -> Iterator[Row]:
    """Yield rows to which there is no other reference."""
    for number in numbers:
        text = f"row {number} " * (ROW_CHARACTERS // 8)
        yield Row(number=number + 1, input=text, output=outputs[number % len(outputs)] if outputs else text.upper())
