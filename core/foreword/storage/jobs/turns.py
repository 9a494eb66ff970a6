"""Queries behind the turns at the workers: waiting jobs, and the use of the workers by tenant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import String, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session

from foreword.domain.job import JobKind, JobState
from foreword.domain.usage import TOKENS_OF_JOBS, UsageKey, UsageKind
from foreword.domain.worker_turns import (
    Exchange,
    HeldRun,
    Standing,
    TenantUse,
    WaitingRun,
    choose_exchange,
    decayed_seconds,
    order_of_runs,
    runs_to_join,
)
from foreword.names import BaseModelName
from foreword.storage.active_tenants import of_active_tenant
from foreword.storage.jobs.leases import Company
from foreword.storage.jobs.transitions import HELD_STATES
from foreword.storage.quotas.limits import limits_of_each
from foreword.storage.quotas.sums import add_usage, day_of
from foreword.storage.tables import JobRow, TenantRow

_BACKGROUND = [kind.value for kind in JobKind if kind.is_background]
_QUEUED = JobRow.state == JobState.QUEUED.value
_HELD = JobRow.state.in_(HELD_STATES)

_TIME_FOR_FREE_WORKERS = timedelta(seconds=1)
"""Free workers look for jobs several times a second, so a job that waits for longer has no free worker."""


def runs_in_order(session: Session, now: datetime) -> Sequence[WaitingRun]:
    """Return the oldest waiting run of each tenant, standing and company, in the order of their turns."""
    waiting = _waiting_runs(session, now)
    return order_of_runs(waiting, _tenant_uses(session, {run.tenant for run in waiting}, now)) if waiting else []


def runs_joining(session: Session, company: str, now: datetime) -> Sequence[WaitingRun]:
    """Return the runs that may join a company, in order. No other worker is free for them."""
    waiting = _waiting_runs(session, now, for_at_least=_TIME_FOR_FREE_WORKERS)
    if all(run.company != company for run in waiting):
        return []
    return runs_to_join(company, waiting, _tenant_uses(session, {run.tenant for run in waiting}, now))


def exchange_due(session: Session, company: Company, now: datetime) -> Exchange | None:
    """Return the exchange that the tenants' shares ask for at a worker; None if its company goes on as it is."""
    waiting = _waiting_runs(session, now, for_at_least=_TIME_FOR_FREE_WORKERS)
    if not waiting:
        return None
    held = [
        HeldRun(
            key=lease.job,
            tenant=lease.tenant,
            had_turn=lease.job in company.had_turns,
            is_background=lease.kind.is_background,
        )
        for lease in company.leases
    ]
    tenants = {run.tenant for run in waiting} | {run.tenant for run in held}
    return choose_exchange(
        held,
        waiting,
        _tenant_uses(session, tenants, now),
        company=company.id,
        had_turn=company.had_turn,
        is_full=company.is_full,
    )


def lock_first(session: Session, order: Sequence[WaitingRun], now: datetime) -> JobRow | None:
    """Lock the first run that no other transaction has locked and return its job; None if there is none."""
    for run in order:
        job = session.scalars(
            select(JobRow).where(JobRow.key == run.key).with_for_update(skip_locked=True)
        ).one_or_none()
        if job is not None and _waits(job, now):  # it may have been cancelled since it was selected
            return job
    return None


def charge_compute(session: Session, job: JobRow, compute_seconds: float, now: datetime, *, tokens: int = 0) -> None:
    """Set the compute time of a job, which never decreases. Add the difference to its tenant's recent time and usage.

    Args:
        job: The job, locked by the transaction.
        compute_seconds: Total compute time that the job has used.
        tokens: Tokens that the job has processed since it was last charged.
    """
    used = max(0.0, compute_seconds - job.compute_seconds)
    amounts = {UsageKind.CAPACITY_UNIT_HOURS: used / 3600, TOKENS_OF_JOBS[JobKind(job.kind)]: tokens}
    model, day = str(BaseModelName(job.base_model)), day_of(now)
    add_usage(
        session,
        {UsageKey(job.tenant, day, model, kind.value): amount for kind, amount in amounts.items() if amount > 0},
    )
    if used <= 0:
        return
    job.compute_seconds = compute_seconds
    # The weaker lock does not block inserts that refer to the tenant.
    tenant = session.get_one(TenantRow, job.tenant, with_for_update={"key_share": True})
    since = now - tenant.recent_compute_time if tenant.recent_compute_time else timedelta()
    tenant.recent_compute_seconds = decayed_seconds(tenant.recent_compute_seconds, since) + used
    tenant.recent_compute_time = now


def count_running(session: Session, tenants: Collection[str], now: datetime) -> Mapping[str, int]:
    """Return the number of jobs that workers have, for each of the tenants that has any."""
    found = session.execute(
        select(JobRow.tenant, func.count())
        .where(JobRow.tenant.in_(tenants), _HELD, JobRow.lease_worker.is_not(None), JobRow.lease_expire_time > now)
        .group_by(JobRow.tenant)
    )
    return {tenant: count for tenant, count in found}  # noqa: C416 - mypy rejects dict(rows)


def _within_quotas(session: Session, runs: Sequence[WaitingRun], now: datetime) -> Sequence[WaitingRun]:
    """Return the waiting runs that may begin although their tenants have others at workers."""
    tenants = {run.tenant for run in runs}
    limits = {tenant: found.running_jobs for tenant, found in limits_of_each(session, tenants).items()}
    limited = [tenant for tenant, limit in limits.items() if limit is not None]
    if not limited:
        return runs
    running = count_running(session, limited, now)
    full = {tenant for tenant in limited if running.get(tenant, 0) >= (limits[tenant] or 0)}
    # A run whose cancellation was requested uses a worker only for a moment.
    return [run for run in runs if run.tenant not in full or run.standing is Standing.CANCELLING]


def _waits(job: JobRow, now: datetime) -> bool:
    free = job.lease_expire_time is None or job.lease_expire_time <= now
    return job.state == JobState.QUEUED.value or (job.state in HELD_STATES and free)


def _waiting_runs(session: Session, now: datetime, *, for_at_least: timedelta = timedelta()) -> Sequence[WaitingRun]:
    """Return the oldest run of each active tenant, standing and company that waits for a worker.

    Args:
        now: The database's time.
        for_at_least: Only runs that have waited for this time.
    """
    since = now - for_at_least
    free = or_(JobRow.lease_expire_time.is_(None), JobRow.lease_expire_time <= since)
    queued = and_(_QUEUED, JobRow.create_time <= since) if for_at_least else _QUEUED
    standing = case(
        (_QUEUED, Standing.QUEUED.value),
        (JobRow.state == JobState.CANCELLING.value, Standing.CANCELLING.value),
        (JobRow.yield_time.is_not(None), Standing.YIELDED.value),
        else_=Standing.INTERRUPTED.value,
    )
    own = JobRow.base_model + "/" + cast(JobRow.key, String)  # as `Lease.company`
    company = case((JobRow.runs_alone, own), else_=JobRow.base_model)
    runs = (
        select(
            JobRow.key,
            JobRow.tenant,
            company.label("company"),
            standing.label("standing"),
            JobRow.kind.in_(_BACKGROUND).label("is_background"),
        )
        .where(or_(queued, and_(_HELD, free)), of_active_tenant(JobRow.tenant))
        .subquery()
    )
    groups = (runs.c.tenant, runs.c.company, runs.c.standing, runs.c.is_background)
    found = session.execute(select(func.min(runs.c.key), *groups).group_by(*groups))
    waiting = [
        WaitingRun(
            key=key,
            tenant=tenant,
            company=company,
            standing=Standing(standing),
            is_background=bool(is_background),
        )
        for key, tenant, company, standing, is_background in found
    ]
    return _within_quotas(session, waiting, now) if waiting else []


def _tenant_uses(session: Session, tenants: Collection[str], now: datetime) -> Mapping[str, TenantUse]:
    """Return the use of the workers by each of the tenants.

    Only tenants with waiting runs are of interest: idle workers ask several times a second, and the history keeps
    growing.
    """
    running = (
        select(JobRow.tenant, func.count().label("running"))
        .where(_HELD, JobRow.lease_worker.is_not(None), JobRow.lease_expire_time > now)
        .group_by(JobRow.tenant)
        .subquery()
    )
    starts = (
        select(JobRow.tenant, func.max(JobRow.start_time).label("last"))
        .where(JobRow.tenant.in_(tenants))
        .group_by(JobRow.tenant)
        .subquery()
    )
    found = session.execute(
        select(
            TenantRow.id,
            func.coalesce(running.c.running, 0),
            TenantRow.recent_compute_seconds,
            TenantRow.recent_compute_time,
            starts.c.last,
        )
        .outerjoin(running, running.c.tenant == TenantRow.id)
        .outerjoin(starts, starts.c.tenant == TenantRow.id)
        .where(TenantRow.id.in_(tenants))
    )
    return {
        tenant: TenantUse(
            running=count,
            recent_seconds=decayed_seconds(seconds, now - time) if time else 0.0,
            last_start=last,
        )
        for tenant, count, seconds, time, last in found
    }
