"""Jobs: work that waits for a worker, whatever its kind."""

from __future__ import annotations

from enum import Enum


class JobKind(Enum):
    """Kind of a job. It determines the resource that the job works on."""

    TUNE = "tune"
    """A run of a tuning experiment."""
