"""The log of what happens to a leased job at its worker."""

from __future__ import annotations

from typing import Any, Final

from foreword.domain.job import JobKind
from foreword.observability.logging import get_logger
from foreword.storage.jobs.leases import Lease

_log = get_logger("worker")
_NOUNS: Final = {JobKind.TUNE: "experiment", JobKind.EVALUATE: "evaluation", JobKind.BATCH: "batch_job"}


class JobLog:
    """A log whose events name the kind of the job, such as `experiment_leased`, and its id, tenant and epoch.

    Args:
        ids: Additional fields of every event.
    """

    def __init__(self, lease: Lease, **ids: str) -> None:
        self.noun = _NOUNS[lease.kind]
        self.context: dict[str, Any] = {
            self.noun: lease.subject.id,
            "tenant": lease.tenant,
            "epoch": lease.epoch,
            **ids,
        }
        self._log = _log.bind(**self.context)

    def info(self, what: str, **details: Any) -> None:
        """Log the event that the job's noun and `what` name."""
        self._log.info(f"{self.noun}_{what}", **details)

    def warning(self, what: str, **details: Any) -> None:
        """Log a warning, named like the events of `info`."""
        self._log.warning(f"{self.noun}_{what}", **details)
