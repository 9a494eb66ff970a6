"""The trials of sweeps on database rows: reading and locking them, their scores, and the sweep that they make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, defer

from foreword.domain.experiment import ExperimentConfig, Phase, Progress, Snapshot
from foreword.domain.failure import Failure
from foreword.domain.halving import HeldOutScore, TrialScores
from foreword.domain.job import JobState
from foreword.domain.sweep import SearchSpace, SweepPlan, TrialStatus, TuneSweep
from foreword.domain.sweep_outcome import TrialOutcome, sweep_outcome
from foreword.domain.trial import Trial
from foreword.storage.codec import decode
from foreword.storage.repositories.run_results import score_of
from foreword.storage.tables import ExperimentRow, JobRow, SnapshotRow, SweepRow

_LARGE = (ExperimentRow.config, ExperimentRow.plan, ExperimentRow.evaluations, ExperimentRow.suspect_rows)
"""Columns with large documents that a sweep does not need."""
_BY_SWEEP = (ExperimentRow.sweep, ExperimentRow.key)
"""The order of an index. By the key alone, SQLite would read all experiments of the tenant."""
_AFTER_TUNING = (Phase.REFITTING, Phase.EVALUATING, Phase.STORING)


def lock_trials(session: Session, tenant: str, id: str) -> None:
    """Lock the jobs of all trials, in the order of their keys, as everyone who locks several does."""
    trials = select(ExperimentRow.id).where(ExperimentRow.tenant == tenant, ExperimentRow.sweep == id)
    session.scalars(
        select(JobRow)
        .where(JobRow.tenant == tenant, JobRow.resource.in_(trials))
        .order_by(JobRow.key)
        .with_for_update()
    ).all()


def trials_of(session: Session, tenant: str, ids: Sequence[str]) -> Mapping[str, Sequence[ExperimentRow]]:
    """Return the trials of sweeps, by sweep and in the order of their numbers."""
    found: dict[str, list[ExperimentRow]] = {}
    rows = session.scalars(
        select(ExperimentRow)
        .join(ExperimentRow.job)
        .options(contains_eager(ExperimentRow.job), *(defer(column) for column in _LARGE))
        .where(ExperimentRow.tenant == tenant, ExperimentRow.sweep.in_(ids))
        .order_by(*_BY_SWEEP)
    )
    for row in rows:
        found.setdefault(str(row.sweep), []).append(row)
    return found


def trial_of(row: ExperimentRow) -> Trial:
    """Return what makes an experiment a trial."""
    return decode(Trial, row.trial)


def held_out_curves(session: Session, rows: Iterable[ExperimentRow]) -> Mapping[int, Sequence[HeldOutScore]]:
    """Return the held-out results of experiments at the ends of their epochs, by key and oldest first."""
    points = session.execute(
        select(SnapshotRow.experiment_key, SnapshotRow.point)
        .where(
            SnapshotRow.experiment_key.in_([row.key for row in rows]),
            SnapshotRow.point["validation_loss"].as_string().is_not(None),
        )
        .order_by(SnapshotRow.experiment_key, SnapshotRow.sequence)
    )
    curves: dict[int, list[HeldOutScore]] = {}
    for key, point in points:
        score = score_of(decode(Snapshot, point))
        if score is not None:
            curves.setdefault(key, []).append(score)
    return curves


def may_be_stopped(row: ExperimentRow, curve: Sequence[HeldOutScore]) -> bool:
    """Return whether halving may stop a trial: it runs, and neither its refit nor its evaluation has begun.

    What halving saves is the rest of the tuning. A run that waits for its turn, or is loaded again, shows no phase of
    its work; if it has all of its scores, it is beyond tuning.
    """
    if JobState(row.job.state) is not JobState.RUNNING:
        return False
    progress = decode(Progress, row.progress)
    return progress.phase not in _AFTER_TUNING and (
        progress.phase is Phase.TUNING or not _has_all_scores(progress, curve)
    )


def trial_scores(number: int, row: ExperimentRow, curve: Sequence[HeldOutScore]) -> TrialScores:
    """Return the scores of a trial from its held-out results."""
    state, progress = JobState(row.job.state), decode(Progress, row.progress)
    is_beyond_tuning = state is JobState.SUCCEEDED or progress.phase in _AFTER_TUNING
    return TrialScores(
        number=number,
        scores=curve,
        is_complete=is_beyond_tuning or _has_all_scores(progress, curve),
        counts=state in (JobState.RUNNING, JobState.SUCCEEDED),
        keeps_best=trial_of(row).keeps_best,
    )


def _has_all_scores(progress: Progress, curve: Sequence[HeldOutScore]) -> bool:
    return bool(curve) and curve[-1].epoch >= progress.total_epochs > 0


def to_sweep(row: SweepRow, trials: Sequence[ExperimentRow]) -> TuneSweep:
    """Convert the row of a sweep and those of its trials, in order, to a sweep."""
    statuses = tuple(_to_status(trial) for trial in trials)
    return _to_sweep(row, statuses, statuses)


def to_sweep_without_trials(row: SweepRow, outcomes: Sequence[TrialOutcome]) -> TuneSweep:
    """Convert the row of a sweep to a sweep whose outcome follows from those of its trials, in order."""
    return _to_sweep(row, outcomes, ())


def _to_sweep(row: SweepRow, outcomes: Sequence[TrialOutcome], trials: tuple[TrialStatus, ...]) -> TuneSweep:
    is_cancelled = row.cancel_time is not None
    return TuneSweep(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        config=decode(ExperimentConfig, row.config),
        space=decode(SearchSpace, row.space),
        plan=decode(SweepPlan, row.plan),
        outcome=sweep_outcome(outcomes, is_cancelled=is_cancelled, create_time=row.create_time),
        trials=trials,
        is_cancelled=is_cancelled,
        creator=row.creator,
        create_time=row.create_time,
        tags=dict(row.tags or {}),
    )


def _to_status(row: ExperimentRow) -> TrialStatus:
    job = row.job
    return TrialStatus(
        experiment=row.id,
        trial=trial_of(row),
        state=JobState(job.state),
        failure=None if job.failure is None else decode(Failure, job.failure),
        score=None if row.held_out_score is None else decode(HeldOutScore, row.held_out_score),
        progress=decode(Progress, row.progress),
        compute_seconds=job.compute_seconds,
        tuned_model=row.tuned_model,
        update_time=job.update_time,
        end_time=job.end_time,
    )
