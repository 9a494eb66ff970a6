"""Counts of the jobs of all tenants, for metrics."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from foreword.domain.job import JobKind, JobState
from foreword.storage.active_tenants import of_active_tenant
from foreword.storage.database import Database
from foreword.storage.tables import JobRow

_ACTIVE = tuple(state.value for state in JobState if not state.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """The jobs at one time; what is 0 is left out.

    Attributes:
        by_state: Number of jobs by kind and state.
        active: Number of jobs that have not ended, by tenant, kind and state.
        oldest_wait_seconds: Age of the oldest queued job of an active tenant, by kind.
    """

    by_state: dict[tuple[JobKind, JobState], int]
    active: dict[tuple[str, JobKind, JobState], int]
    oldest_wait_seconds: dict[JobKind, float]


def count_jobs(database: Database) -> JobCounts:
    """Count the jobs of all tenants. Blocks.

    Raises:
        UnavailableError: The database cannot be reached.
    """
    with database.read() as session:
        states = session.execute(select(JobRow.kind, JobRow.state, func.count()).group_by(JobRow.kind, JobRow.state))
        by_state = {(JobKind(kind), JobState(state)): count for kind, state, count in states}
        owners = session.execute(
            select(JobRow.tenant, JobRow.kind, JobRow.state, func.count())
            .where(JobRow.state.in_(_ACTIVE))
            .group_by(JobRow.tenant, JobRow.kind, JobRow.state)
        )
        active = {(tenant, JobKind(kind), JobState(state)): count for tenant, kind, state, count in owners}
        oldest = session.execute(
            select(JobRow.kind, func.min(JobRow.create_time))
            .where(JobRow.state == JobState.QUEUED.value, of_active_tenant(JobRow.tenant))
            .group_by(JobRow.kind)
        ).all()
        now = database.clock(session) if oldest else None
        waits = {JobKind(kind): max(0.0, (now - first).total_seconds()) for kind, first in oldest if now is not None}
    return JobCounts(by_state=by_state, active=active, oldest_wait_seconds=waits)
