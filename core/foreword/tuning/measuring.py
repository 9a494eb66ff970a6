"""What it costs to measure rows, in tokens of training: the basis of planned times and of what runs are charged."""

from __future__ import annotations

from typing import Final

HELD_OUT_SHARE: Final = 2.3
"""Time to measure a held-out row, relative to the time to train on a row: there is no backward pass, but answers are
scored. Measured with `tests/benchmarks/estimate.py` on the complaints sample and its 18 label sets."""

BASE_SYSTEMS: Final = 4
"""Evaluations of the base model on the held-out rows: without and with examples, each free and restricted to labels."""

EXAMINED_SHARE: Final = 1 / 3
"""Time to examine whether a row looks mislabelled, relative to the time to train on it: one forward pass."""

MOST_EXAMINED: Final = 10_000
"""Maximum number of rows that are examined; more rows than that are sampled."""
