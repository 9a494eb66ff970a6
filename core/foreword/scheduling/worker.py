"""The worker, which leases jobs and does those of one base model together."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from datetime import timedelta
from typing import Final

from foreword.errors import UnavailableError
from foreword.inference.residency.memory_budget import MemoryBudget
from foreword.inference.residency.model_residency import ModelResidency
from foreword.observability.logging import get_logger
from foreword.plugin.interfaces import LoadedModel
from foreword.scheduling.company import WorkerCompany
from foreword.scheduling.job_log import JobLog
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease

_log = get_logger("worker")

_POLL_SECONDS: Final = 0.25
_AWAY_SECONDS: Final = 5.0


class Worker:
    """A loop that pulls jobs from the database. Workers share nothing else.

    Args:
        workshop: Resources shared by all runs.
        name: Unique name, for the lease. Default: host, process and a random part.
    """

    def __init__(self, workshop: Workshop, name: str = "") -> None:
        self._workshop = workshop
        self._name = name or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        settings = workshop.settings
        self._residency = ModelResidency[LoadedModel](
            wrap=lambda model: model,
            budget=MemoryBudget.of(
                settings.base_model_cache_bytes, device=settings.device, processes=1 + settings.workers
            ),
            device=settings.device,
            dtype=settings.dtype,
            stay_factor=0.0,  # turns are long, and there is only one company at a time
        )

    def run(self, stop: threading.Event) -> None:
        """Run experiments until `stop` is set. Runs in progress are then checkpointed and released."""
        _log.info("worker_ready", worker=self._name)
        duration = timedelta(seconds=self._workshop.settings.lease_seconds)
        while not stop.is_set():
            try:
                lease = self._workshop.queue.lease(self._name, duration)
            except UnavailableError:  # the database has logged the cause once; the worker tries again
                stop.wait(_AWAY_SECONDS)
                continue
            except Exception:  # the process root
                _log.exception("lease_failed")
                stop.wait(_AWAY_SECONDS)
                continue
            if lease is None:
                stop.wait(_POLL_SECONDS)
            while lease is not None:
                lease = self._tune(lease, stop)

    def _tune(self, lease: Lease, stop: threading.Event) -> Lease | None:
        """Tune a run and its company. Return the lease of the run that they have yielded to, if any."""
        try:
            return WorkerCompany(self._workshop, lease, models=self._residency, stop=stop).work()
        except Exception:  # the process root: the runs are repeated from their checkpoints when the leases have expired
            _log.exception("company_left", **JobLog(lease).context)
            stop.wait(_AWAY_SECONDS)
            return None
