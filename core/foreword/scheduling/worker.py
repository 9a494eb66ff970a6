"""The worker: leases experiments one after the other and runs each to its end."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

from foreword.domain.failure import Failure
from foreword.errors import ForewordError, LeaseLostError, NotFoundError, UnavailableError
from foreword.inference.residency.memory_budget import MemoryBudget
from foreword.inference.residency.model_residency import ModelResidency
from foreword.observability.faults import log_fault
from foreword.observability.logging import get_logger
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.scheduling.heartbeat import Heartbeat, RunCancelledError, WorkerStoppingError
from foreword.scheduling.run import ExperimentRun, Workshop
from foreword.storage.artifact_keys import checkpoints_key
from foreword.storage.experiments import ExperimentRepository
from foreword.storage.queue import Lease

_log = get_logger("worker")

_POLL_SECONDS = 0.25
_AWAY_SECONDS = 5.0
_MOST_LOST_LEASES = 20


class Worker:
    """An identical loop wherever it runs: it pulls its work from the database and shares nothing else.

    Args:
        workshop: What every run uses.
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
            stay_factor=0.0,  # one run at a time, and each is long
        )

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; a run in progress is checkpointed and given back."""
        _log.info("worker_ready", worker=self._name)
        duration = timedelta(seconds=self._workshop.settings.lease_seconds)
        while not stop.is_set():
            try:
                lease = self._workshop.queue.lease(self._name, duration)
            except UnavailableError:  # the database has logged why, once; when it is back, the worker goes on
                stop.wait(_AWAY_SECONDS)
                continue
            except Exception:  # the process root
                _log.exception("lease_failed")
                stop.wait(_AWAY_SECONDS)
                continue
            if lease is None:
                stop.wait(_POLL_SECONDS)
                continue
            try:
                self._work(lease, duration, stop)
            except UnavailableError as error:
                _log.warning(
                    "run_left", experiment=lease.experiment.id, tenant=lease.experiment.tenant, reason=error.reason
                )
                stop.wait(_AWAY_SECONDS)
            except Exception:  # the process root: what could not be stored is done again when the lease has run out
                _log.exception("run_left", experiment=lease.experiment.id, tenant=lease.experiment.tenant)
                stop.wait(_AWAY_SECONDS)

    def _work(self, lease: Lease, duration: timedelta, stop: threading.Event) -> None:
        """Runs one experiment and stores how it ended, whatever happens."""
        experiment = lease.experiment
        log = _log.bind(experiment=experiment.id, tenant=experiment.tenant, epoch=lease.epoch)
        log.info("experiment_leased", resumed=lease.epoch > 1)
        self._workshop.plugins.experiment_started(experiment)
        try:
            ended = self._run(lease, duration, stop, log)
        except LeaseLostError:
            # Another worker took the run while this one was stuck; its writes count, ours are refused.
            log.warning("lease_lost")
            return
        if ended:
            try:
                self._workshop.checkpoints.delete_checkpoints(
                    checkpoints_key(experiment.tenant, experiment.id, experiment.create_time)
                )
            except UnavailableError as error:
                log.warning("checkpoints_left", error=error.message)
            try:
                finished = ExperimentRepository(self._workshop.database, experiment.tenant).get(experiment.id)
            except NotFoundError:
                log.info("experiment_deleted")  # its owner was quicker; there is nothing left to tell about
                return
            self._workshop.plugins.experiment_finished(finished)

    def _run(self, lease: Lease, duration: timedelta, stop: threading.Event, log: Any) -> bool:
        """Runs one experiment; False when it was given back and goes on elsewhere.

        Raises:
            LeaseLostError: Another worker owns the run.
        """
        queue = self._workshop.queue
        experiment = lease.experiment
        heartbeat = Heartbeat(queue, lease, duration=duration, stop=stop, spent_seconds=experiment.compute_seconds)
        try:
            with heartbeat:
                heartbeat.beat()
                if lease.lost_before >= _MOST_LOST_LEASES:
                    raise _crashing(lease)
                with ExitStack() as holds:
                    ExperimentRun(self._workshop, lease, heartbeat, partial(self._load, holds)).execute()
            log.info("experiment_succeeded")
        except LeaseLostError:
            raise
        except UnavailableError as error:
            # Database or artifact store are away: the run goes on from its last checkpoint when they may be back.
            # If the database is not even there to note that, the lease runs out, which takes as long.
            log.warning("experiment_put_off", reason=error.reason, error=error.message)
            queue.release(lease, pause=duration)
            return False
        except RunCancelledError:
            queue.cancelled(lease, compute_seconds=heartbeat.compute_seconds)
            log.info("experiment_cancelled")
        except WorkerStoppingError:
            queue.release(lease)
            log.info("experiment_given_back")
            return False
        except ForewordError as error:
            queue.fail(lease, Failure.of(error), compute_seconds=heartbeat.compute_seconds)
            log.warning("experiment_failed", reason=error.reason)
        except Exception as error:  # the process root: a run must never take the worker down with it
            fault = log_fault(
                "experiment_crashed",
                f"The run crashed with {type(error).__name__}.",
                component="worker",
                experiment=experiment.id,
                tenant=experiment.tenant,
                epoch=lease.epoch,
            )
            queue.fail(lease, Failure.of(fault), compute_seconds=heartbeat.compute_seconds)
        return True

    def _load(self, holds: ExitStack, base: BaseModel) -> LoadedModel:
        """Loads a base model, or hands out the one that is in memory; it stays until the run ends."""
        hold = self._residency.hold(base)
        holds.callback(hold.release)
        return hold.loaded.result()


def _crashing(lease: Lease) -> ForewordError:
    return ForewordError(
        f"The run was taken up {lease.lost_before} times and its worker died each time before the run got further. "
        "Most often the memory does not suffice: try a smaller batch_size or max_input_tokens, then create the "
        "experiment again.",
        reason="WORKER_KEEPS_DYING",
    )
