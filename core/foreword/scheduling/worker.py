"""The worker, which leases experiments one after the other and runs each to its end or to the end of its turn."""

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
from foreword.scheduling.heartbeat import Heartbeats, RunCancelledError, WorkerStoppingError
from foreword.scheduling.run import ExperimentRun, Workshop
from foreword.scheduling.turn import TurnOverError
from foreword.storage.artifact_keys import checkpoints_key
from foreword.storage.experiments import ExperimentRepository
from foreword.storage.jobs.leases import Lease

_log = get_logger("worker")

_POLL_SECONDS = 0.25
_AWAY_SECONDS = 5.0
_MOST_LOST_LEASES = 20


class Worker:
    """A loop that pulls experiments from the database. Workers share nothing else.

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
            stay_factor=0.0,  # runs are long, and there is only one at a time
        )

    def run(self, stop: threading.Event) -> None:
        """Run experiments until `stop` is set. A run in progress is then checkpointed and released."""
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
                continue
            while lease is not None:
                lease = self._work_safely(lease, duration, stop)

    def _work_safely(self, lease: Lease, duration: timedelta, stop: threading.Event) -> Lease | None:
        """Run one experiment, and pause after an error. Return the lease of the run that it has yielded to, if any."""
        try:
            self._work(lease, duration, stop)
        except TurnOverError as turn:
            return turn.lease
        except UnavailableError as error:
            _log.warning(
                "run_left", experiment=lease.experiment.id, tenant=lease.experiment.tenant, reason=error.reason
            )
            stop.wait(_AWAY_SECONDS)
        except Exception:  # the process root: the run is repeated from its checkpoint when the lease has expired
            _log.exception("run_left", experiment=lease.experiment.id, tenant=lease.experiment.tenant)
            stop.wait(_AWAY_SECONDS)
        return None

    def _work(self, lease: Lease, duration: timedelta, stop: threading.Event) -> None:
        """Run one experiment and store its outcome in every case.

        Raises:
            TurnOverError: The run has yielded the worker to a run of another tenant.
        """
        experiment = lease.experiment
        log = _log.bind(experiment=experiment.id, tenant=experiment.tenant, epoch=lease.epoch)
        log.info("experiment_leased", resumed=lease.epoch > 1)
        self._workshop.plugins.experiment_started(experiment)
        try:
            ended = self._run(lease, duration, stop, log)
        except LeaseLostError:
            # Another worker took over the run while this one was stuck; the writes of this worker are rejected.
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
                log.info("experiment_deleted")  # its owner deleted it first, so there is nothing to report
                return
            self._workshop.plugins.experiment_finished(finished)

    def _run(self, lease: Lease, duration: timedelta, stop: threading.Event, log: Any) -> bool:
        """Run one experiment. Return False if it was released for another worker.

        Raises:
            LeaseLostError: Another worker owns the run.
            TurnOverError: The run has yielded the worker to a run of another tenant.
        """
        queue = self._workshop.queue
        experiment = lease.experiment
        try:
            with Heartbeats(queue, duration=duration, stop=stop) as heartbeats, heartbeats.of(lease) as heartbeat:
                heartbeat.beat()
                if lease.lost_before >= _MOST_LOST_LEASES:
                    raise _crashing(lease)
                with heartbeat.alone(), ExitStack() as holds:
                    ExperimentRun(self._workshop, lease, heartbeat, partial(self._load, holds)).execute()
            log.info("experiment_succeeded")
        except LeaseLostError:
            raise
        except TurnOverError as turn:
            log.info("experiment_yielded", to=turn.lease.experiment.id, compute_seconds=heartbeat.compute_seconds)
            raise
        except UnavailableError as error:
            # The database or the artifact store is unavailable: after a pause, the run continues from its last
            # checkpoint. If the database cannot even store the release, the lease expires, which takes as long.
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
        except Exception as error:  # the process root: a failed run must not end the worker
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
        """Return a base model, loaded if necessary. It stays in memory until the run ends."""
        hold = self._residency.hold(base)
        holds.callback(hold.release)
        return hold.loaded.result()


def _crashing(lease: Lease) -> ForewordError:
    return ForewordError(
        f"The run was started {lease.lost_before} times, and each time its worker died before the run made progress. "
        "The usual cause is too little memory: create the experiment again with a smaller batch_size or "
        "max_input_tokens.",
        reason="WORKER_KEEPS_DYING",
    )
