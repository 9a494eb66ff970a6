"""Fields of sweeps that follow from their trials, as SQL expressions.

Indexes find the trials of a sweep and their jobs. The jobs are found by `IN`, not by a join, because SQLite would
otherwise read all jobs of the tenant for every sweep.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Exists, Select, and_, case, func, select

from foreword.domain.job import JobKind, JobState
from foreword.domain.sweep_outcome import SweepState
from foreword.storage.jobs.transitions import LIVE_STATES
from foreword.storage.tables import ExperimentRow, JobRow, SweepRow


def sweep_state() -> ColumnElement[str]:
    """Return the expression of what `domain.sweep_outcome` computes as the state of a sweep."""
    is_cancelled = SweepRow.cancel_time.is_not(None)
    has_started = _of_jobs(JobRow.key).where(JobRow.state != JobState.QUEUED.value).exists()
    has_model = (
        _of_trials(ExperimentRow.key)
        .where(ExperimentRow.tuned_model.is_not(None), ExperimentRow.held_out_score.is_not(None))
        .exists()
    )
    return case(
        (and_(_is_live(), is_cancelled), SweepState.CANCELLING.value),
        (and_(_is_live(), has_started), SweepState.RUNNING.value),
        (_is_live(), SweepState.QUEUED.value),
        (has_model, SweepState.SUCCEEDED.value),
        (is_cancelled, SweepState.CANCELLED.value),
        else_=SweepState.FAILED.value,
    )


def sweep_update_time() -> ColumnElement[datetime]:
    """Return the expression of the time of the last change of a trial."""
    return func.coalesce(_of_jobs(func.max(JobRow.update_time)).scalar_subquery(), SweepRow.create_time)


def sweep_end_time() -> ColumnElement[datetime | None]:
    """Return the expression of the time at which the last trial ended; null before."""
    return case((~_is_live(), _of_jobs(func.max(JobRow.end_time)).scalar_subquery()))


def _is_live() -> Exists:
    return _of_jobs(JobRow.key).where(JobRow.state.in_(LIVE_STATES)).exists()


def _of_jobs(column: Any) -> Select[Any]:
    """Return the query of a column, or of an aggregate, over the jobs of the trials of the sweep of the outer query."""
    trials = _of_trials(ExperimentRow.id)
    return (
        select(column)
        .where(JobRow.tenant == SweepRow.tenant, JobRow.kind == JobKind.TUNE.value, JobRow.resource.in_(trials))
        .correlate(SweepRow)
    )


def _of_trials(column: Any) -> Select[Any]:
    """Return the query of a column over the trials of the sweep of the outer query."""
    return (
        select(column)
        .where(ExperimentRow.tenant == SweepRow.tenant, ExperimentRow.sweep == SweepRow.id)
        .correlate(SweepRow)
    )
