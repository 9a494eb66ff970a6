"""Queries behind the turns at the workers: waiting runs, and the use of the workers by tenant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from foreword.domain.experiment import ExperimentState
from foreword.domain.worker_turns import (
    Standing,
    TenantUse,
    WaitingRun,
    decayed_seconds,
    order_of_runs,
    runs_to_yield_to,
)
from foreword.storage.tables import ExperimentRow, TenantRow
from foreword.storage.transitions import HELD_STATES

_QUEUED = ExperimentRow.state == ExperimentState.QUEUED.value
_HELD = ExperimentRow.state.in_(HELD_STATES)

_TIME_FOR_FREE_WORKERS = timedelta(seconds=2)
"""Free workers look for runs several times a second, so a run that waits for longer has no free worker."""


def runs_in_order(session: Session, now: datetime) -> Sequence[WaitingRun]:
    """Return the oldest waiting run of each tenant and standing, in the order in which workers take them."""
    waiting = _waiting_runs(session, now)
    return order_of_runs(waiting, _tenant_uses(session, {run.tenant for run in waiting}, now)) if waiting else []


def runs_before(session: Session, tenant: str, now: datetime) -> Sequence[WaitingRun]:
    """Return the runs of other tenants that should have a worker rather than a running run of `tenant`, in order."""
    waiting = _waiting_runs(session, now, for_at_least=_TIME_FOR_FREE_WORKERS)
    tenants = {tenant, *(run.tenant for run in waiting)}
    return runs_to_yield_to(tenant, waiting, _tenant_uses(session, tenants, now)) if len(tenants) > 1 else []


def lock_first(session: Session, order: Sequence[WaitingRun], now: datetime) -> ExperimentRow | None:
    """Lock the first run that no other transaction has locked and return its row; None if there is none."""
    for run in order:
        row = session.scalars(
            select(ExperimentRow).where(ExperimentRow.key == run.key).with_for_update(skip_locked=True)
        ).one_or_none()
        if row is not None and _waits(row, now):  # it may have been cancelled since it was selected
            return row
    return None


def charge_compute(session: Session, row: ExperimentRow, compute_seconds: float, now: datetime) -> None:
    """Set the compute time of a run, which never decreases, and add the difference to its tenant's recent time.

    Args:
        row: The row, locked by the transaction.
        compute_seconds: Total worker time that the run has used.
    """
    used = compute_seconds - row.compute_seconds
    if used <= 0:
        return
    row.compute_seconds = compute_seconds
    # The weaker lock does not block inserts that refer to the tenant.
    tenant = session.get_one(TenantRow, row.tenant, with_for_update={"key_share": True})
    since = now - tenant.recent_compute_time if tenant.recent_compute_time else timedelta()
    tenant.recent_compute_seconds = decayed_seconds(tenant.recent_compute_seconds, since) + used
    tenant.recent_compute_time = now


def _waits(row: ExperimentRow, now: datetime) -> bool:
    free = row.lease_expire_time is None or row.lease_expire_time <= now
    return row.state == ExperimentState.QUEUED.value or (row.state in HELD_STATES and free)


def _waiting_runs(session: Session, now: datetime, *, for_at_least: timedelta = timedelta()) -> Sequence[WaitingRun]:
    """Return the oldest run of each tenant and standing that waits for a worker.

    Args:
        now: The database's time.
        for_at_least: Only runs that have waited for this time.
    """
    since = now - for_at_least
    free = or_(ExperimentRow.lease_expire_time.is_(None), ExperimentRow.lease_expire_time <= since)
    queued = and_(_QUEUED, ExperimentRow.create_time <= since) if for_at_least else _QUEUED
    standing = case(
        (_QUEUED, Standing.QUEUED.value),
        (ExperimentRow.state == ExperimentState.CANCELLING.value, Standing.CANCELLING.value),
        (ExperimentRow.yield_time.is_not(None), Standing.YIELDED.value),
        else_=Standing.INTERRUPTED.value,
    )
    runs = (
        select(ExperimentRow.key, ExperimentRow.tenant, standing.label("standing"))
        .where(or_(queued, and_(_HELD, free)))
        .subquery()
    )
    oldest = select(func.min(runs.c.key), runs.c.tenant, runs.c.standing).group_by(runs.c.tenant, runs.c.standing)
    return [
        WaitingRun(key=key, tenant=tenant, standing=Standing(standing))
        for key, tenant, standing in session.execute(oldest)
    ]


def _tenant_uses(session: Session, tenants: Collection[str], now: datetime) -> Mapping[str, TenantUse]:
    """Return the use of the workers by each of the tenants.

    Only tenants with waiting runs are of interest: idle workers ask several times a second, and the history keeps
    growing.
    """
    running = (
        select(ExperimentRow.tenant, func.count().label("running"))
        .where(_HELD, ExperimentRow.lease_worker.is_not(None), ExperimentRow.lease_expire_time > now)
        .group_by(ExperimentRow.tenant)
        .subquery()
    )
    starts = (
        select(ExperimentRow.tenant, func.max(ExperimentRow.start_time).label("last"))
        .where(ExperimentRow.tenant.in_(tenants))
        .group_by(ExperimentRow.tenant)
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
