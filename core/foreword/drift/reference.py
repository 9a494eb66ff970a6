"""The sample of training rows with which requests are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.drift import TrainingSample
from foreword.drift.text_features import bucket_of, words_of

MAX_REFERENCE_ROWS: Final = 1_000
_MAX_OUTPUT_CHARACTERS: Final = 200
"""Longer outputs are no label sets."""


def sample_rows(
    rows: Iterable[Row],
    row_count: int,
    redact: Callable[[str], str],
    target: Callable[[str], str] | None,
    *,
    check: Callable[[], None] = lambda: None,
) -> TrainingSample:
    """Return a sample of rows, spread evenly over all of them.

    Args:
        row_count: Number of rows.
        redact: Does to inputs what was done to captured requests, so that the two can be compared.
        target: Returns the canonical form of an output; None for a task without labels.
        check: Called for each row; raises an error to stop.
    """
    step = max(1, -(-row_count // MAX_REFERENCE_ROWS))
    lengths: list[object] = []
    buckets: list[object] = []
    outputs: list[object] = []
    for place, row in enumerate(rows):
        check()
        if place % step:
            continue
        text = redact(row.input)
        lengths.append(len(text))
        buckets.append(sorted({bucket_of(word) for word in words_of(text)}))
        if target is not None:
            outputs.append(target(row.output)[:_MAX_OUTPUT_CHARACTERS])
    return TrainingSample(row_count=row_count, lengths=tuple(lengths), buckets=tuple(buckets), outputs=tuple(outputs))
