"""The end of a job at its worker: why it left is stored, and what is no longer needed is deleted."""

from __future__ import annotations

from datetime import timedelta

from foreword.domain.failure import Failure
from foreword.domain.job import JobKind
from foreword.errors import ForewordError, LeaseLostError, NotFoundError, UnavailableError
from foreword.observability.faults import log_fault
from foreword.observability.logging import get_logger
from foreword.scheduling.heartbeat import Heartbeat, RunCancelledError, TenantPausedError, WorkerStoppingError
from foreword.scheduling.job_log import JobLog
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.keys import answer_batches_key, checkpoints_key
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.experiments import ExperimentRepository

_log = get_logger("worker")


def end_run(workshop: Workshop, lease: Lease, heartbeat: Heartbeat, error: Exception | None) -> None:
    """Store why a job leaves its worker, and tidy up after it if it has ended.

    It raises no error: if the database cannot store the end, the lease expires, and the run is repeated from its last
    checkpoint.

    Args:
        error: The reason; None if the run has succeeded, which it has stored itself.
    """
    log = _log.bind(**JobLog(lease, **workshop.traces.ids(lease)).context)
    workshop.metrics.ended(lease.kind.value, _outcome(error))
    workshop.traces.ended(lease, _outcome(error))
    try:
        if _store_end(workshop, lease, heartbeat, error):
            _tidy_up(workshop, lease, has_succeeded=error is None)
    except LeaseLostError:
        # Another worker took over the run while this one was stuck; the writes of this worker are rejected.
        log.warning("lease_lost")
    except UnavailableError as outage:
        log.warning("run_left", reason=outage.reason)
    except Exception:  # the root of a run: its error must not end the others
        log.exception("run_left")


def _outcome(error: Exception | None) -> str:
    """Return how a job leaves its worker, for the metrics."""
    match error:
        case None:
            return "succeeded"
        case LeaseLostError():
            return "lost"
        case UnavailableError():
            return "put_off"
        case TenantPausedError():
            return "paused"
        case WorkerStoppingError():
            return "given_back"
        case RunCancelledError():
            return "cancelled"
    return "failed"


def _store_end(workshop: Workshop, lease: Lease, heartbeat: Heartbeat, error: Exception | None) -> bool:
    """Store why a run leaves its worker. Return False if another worker is to continue it.

    Raises:
        LeaseLostError: Another worker owns the run.
        UnavailableError: The database cannot be reached.
    """
    queue, log = workshop.queue, JobLog(lease, **workshop.traces.ids(lease))
    try:
        if error is not None:
            raise error
        log.info("succeeded")
    except LeaseLostError:
        raise
    except UnavailableError as outage:
        # The database or the artifact store is unavailable: after a pause, the run continues from its last
        # checkpoint. If the database cannot even store the release, the lease expires, which takes as long.
        log.warning("put_off", reason=outage.reason, error=outage.message)
        queue.release(lease, pause=timedelta(seconds=workshop.settings.lease_seconds))
        return False
    except TenantPausedError:
        queue.release(lease, is_paused=True)
        log.info("paused")
        return False
    except WorkerStoppingError:
        heartbeat.settle()
        queue.release(lease)
        log.info("given_back")
        return False
    except RunCancelledError:
        heartbeat.settle()
        queue.cancelled(lease, compute_seconds=heartbeat.compute_seconds)
        log.info("cancelled")
    except ForewordError as failure:
        workshop.traces.failed(lease, failure)
        heartbeat.settle()
        queue.fail(lease, Failure.of(failure), compute_seconds=heartbeat.compute_seconds)
        log.warning("failed", reason=failure.reason)
    except Exception as crash:  # the root of a run: its error must not end the others
        noun = "run" if lease.kind is JobKind.TUNE else log.noun.replace("_", " ")
        fault = log_fault(
            f"{log.noun}_crashed",
            f"The {noun} crashed with {type(crash).__name__}.",
            component="worker",
            **log.context,
        )
        workshop.traces.failed(lease, fault)
        heartbeat.settle()
        queue.fail(lease, Failure.of(fault), compute_seconds=heartbeat.compute_seconds)
    return True


def _tidy_up(workshop: Workshop, lease: Lease, *, has_succeeded: bool) -> None:
    """Delete the temporary files of a job that has ended, and tell the plugins of the end of a run.

    A retry may need the checkpoints of a run, or the answers of an evaluation, that has not succeeded.
    """
    log = _log.bind(**JobLog(lease).context)
    deletions = ArtifactDeletions(database=workshop.database, artifacts=workshop.artifacts)
    if lease.kind is JobKind.EVALUATE:
        evaluation = lease.evaluation
        if has_succeeded:
            deletions.delete(answer_batches_key(evaluation.tenant, evaluation.id, evaluation.create_time))
        return
    if lease.kind is JobKind.BATCH:
        return  # its answers are kept
    experiment = lease.experiment
    if has_succeeded or experiment.trial is not None:
        try:
            deletions.delete(checkpoints_key(experiment.tenant, experiment.id, experiment.create_time))
        except UnavailableError as outage:  # the end of the run has scheduled their deletion
            log.warning("checkpoints_left", error=outage.message)
    try:
        finished = ExperimentRepository(workshop.database, experiment.tenant).get(experiment.id)
    except NotFoundError:
        log.info("experiment_deleted")  # its owner deleted it first, so there is nothing to report
        return
    workshop.plugins.experiment_finished(finished)
