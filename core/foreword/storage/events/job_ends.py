"""Events about the ends of jobs, and of the sweeps whose last trial has ended.

`jobs.transitions` notes every job that ends in a transaction, and `Database.write` publishes the events before the
commit, when the rows have all of their results. So no end of a job can be without its event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.batch_job import BatchJobConfig, BatchJobProgress
from foreword.domain.evaluation import EvaluationResults
from foreword.domain.events import Event, EventKind
from foreword.domain.job import JobKind, JobState
from foreword.domain.report import SystemEvaluation
from foreword.domain.sweep_outcome import sweep_outcome
from foreword.errors import InternalError
from foreword.names import BaseModelName, DatasetName, TunedModelName, TuneExperimentName, TuneSweepName
from foreword.storage.codec import decode
from foreword.storage.events.outbox import publish_made
from foreword.storage.jobs.transitions import resource_name, take_ended
from foreword.storage.jobs.trial_outcomes import outcomes_of
from foreword.storage.tables import BatchJobRow, EvaluationRow, ExperimentRow, JobRow, SweepRow

_Subject = ExperimentRow | EvaluationRow | BatchJobRow

_NOUNS: Final[Mapping[JobKind, tuple[str, Any]]] = {
    JobKind.TUNE: ("tune_experiment", ExperimentRow),
    JobKind.EVALUATE: ("evaluation", EvaluationRow),
    JobKind.BATCH: ("batch_job", BatchJobRow),
}


def publish_job_ends(session: Session) -> None:
    """Publish the events about the jobs that have ended in a transaction."""
    ended = take_ended(session)
    if not ended:
        return
    session.flush()  # the queries below must see the ends
    for tenant in sorted({job.tenant for job in ended}):
        jobs = sorted((job for job in ended if job.tenant == tenant), key=lambda job: job.key)
        moment = max(job.end_time for job in jobs if job.end_time is not None)
        publish_made(session, tenant, partial(_events, session, tenant, jobs), moment)


def _events(session: Session, tenant: str, jobs: Sequence[JobRow]) -> list[Event]:
    """Return the events about jobs of a tenant. Trials have no events, only their sweep has."""
    events, sweeps = [], set()
    for job in jobs:
        noun, table = _NOUNS[JobKind(job.kind)]
        row: _Subject = session.scalars(select(table).where(table.tenant == tenant, table.id == job.resource)).one()
        if isinstance(row, ExperimentRow) and row.sweep is not None:
            sweeps.add(row.sweep)
        else:
            events.append(_of_job(noun, job, row))
    return [*events, *_of_sweeps(session, tenant, sorted(sweeps))]


def _of_job(noun: str, job: JobRow, row: _Subject) -> Event:
    data: dict[str, Any] = {
        "state": job.state.upper(),
        "display_name": row.display_name,
        "dataset": str(DatasetName(job.tenant, row.dataset)),
        "compute_seconds": round(job.compute_seconds, 3),
        "create_time": job.create_time.isoformat(),
        "end_time": None if job.end_time is None else job.end_time.isoformat(),
    }
    if job.state == JobState.FAILED.value and job.failure is not None:
        data["error"] = {"code": str(job.failure.get("kind", "")).upper(), "reason": job.failure.get("reason", "")}
    with suppress(InternalError):  # the stored resource is unreadable, which may be why its job has failed
        data |= _results(job, row)
    return Event(
        kind=EventKind(f"{noun}.{job.state}"),
        resource=resource_name(JobKind(job.kind), job.tenant, job.resource),
        data=data,
    )


def _results(job: JobRow, row: _Subject) -> dict[str, Any]:
    """Return the results of a job, as names and figures."""
    match row:
        case ExperimentRow():
            model = row.tuned_model
            return {
                "base_model": str(BaseModelName(job.base_model)),
                "tuned_model": None if model is None else str(TunedModelName(job.tenant, model)),
                "systems": _scores(decode(tuple[SystemEvaluation, ...], row.evaluations)),
            }
        case EvaluationRow():
            results = decode(EvaluationResults, row.results) if row.results else EvaluationResults()
            return {"systems": _scores(results.systems), "partial": results.partial}
        case BatchJobRow():
            progress = decode(BatchJobProgress, row.progress)
            return {
                "model": decode(BatchJobConfig, row.config).model,
                "total_count": progress.total_count,
                "answered_count": progress.answered_count,
                "failed_count": progress.failed_count,
            }


def _scores(systems: Sequence[SystemEvaluation]) -> list[dict[str, Any]]:
    """Return the main metric of each system."""
    return [
        {
            "system": system.system,
            "metric": system.main_metric,
            "value": system.metrics.get(system.main_metric),
            "row_count": system.row_count,
        }
        for system in systems
    ]


def _of_sweeps(session: Session, tenant: str, ids: Sequence[str]) -> Iterator[Event]:
    """Yield the events about those sweeps whose trials have all ended."""
    # Locked, so that of two transactions which end the last two trials the second one sees that both have ended.
    rows = session.scalars(
        select(SweepRow)
        .where(SweepRow.tenant == tenant, SweepRow.id.in_(ids))
        .order_by(SweepRow.key)
        .with_for_update(key_share=True)
    ).all()
    trials = outcomes_of(session, tenant, [row.id for row in rows]) if rows else {}
    for row in rows:
        of_sweep = trials.get(row.id, ())
        outcome = sweep_outcome(of_sweep, is_cancelled=row.cancel_time is not None, create_time=row.create_time)
        if not outcome.state.ended:
            continue
        best, model = outcome.best_trial, outcome.tuned_model
        yield Event(
            kind=EventKind(f"tune_sweep.{outcome.state.value}"),
            resource=str(TuneSweepName(tenant, row.id)),
            data={
                "state": outcome.state.name,
                "display_name": row.display_name,
                "dataset": str(DatasetName(tenant, row.dataset)),
                "base_model": str(BaseModelName(row.base_model)),
                "trials": Counter(trial.state.name for trial in of_sweep),
                "best_trial": None if best is None else str(TuneExperimentName(tenant, best)),
                "tuned_model": None if model is None else str(TunedModelName(tenant, model)),
                "compute_seconds": round(outcome.compute_seconds, 3),
                "create_time": row.create_time.isoformat(),
                "end_time": None if outcome.end_time is None else outcome.end_time.isoformat(),
            },
        )
