"""Jobs: work that waits for a worker, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Final

WORK_KEPT: Final = timedelta(days=7)
"""Time for which the work of a job that has failed or was cancelled is kept, so that a retry can continue from it: the
checkpoints of a run, the answers of an evaluation."""


class JobKind(Enum):
    """Kind of a job. It determines the resource that the job works on."""

    TUNE = "tune"
    """A run of a tuning experiment."""
    EVALUATE = "evaluate"
    """An evaluation."""
    BATCH = "batch"
    """A batch job."""

    @property
    def is_background(self) -> bool:
        """True if the job comes after other work of its tenant."""
        return self is JobKind.BATCH


class JobState(Enum):
    """State of a job; `TRANSITIONS` holds the state machine.

    If its worker dies, a job stays RUNNING (or CANCELLING) until another worker leases it. A job that waits between two
    turns stays RUNNING as well.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if no other state can follow."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLING}),
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""The states that may follow each state. A job may end before its worker notices the request to cancel it."""
