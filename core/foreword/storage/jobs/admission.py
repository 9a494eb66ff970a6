"""Admission of new jobs of a tenant: room in the queue and free display names."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword.domain.job import JobKind, JobState
from foreword.domain.quota import QuotaKind
from foreword.storage.quotas.checks import check_jobs
from foreword.storage.quotas.limits import exceeded, limits_of
from foreword.storage.tables import BatchJobRow, EvaluationRow, ExperimentRow, JobRow, SweepRow

_MIN_RETRY, _USUAL_RETRY, _MAX_RETRY = timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=10)
_NOUNS: Final = {JobKind.TUNE: "experiments", JobKind.EVALUATE: "evaluations", JobKind.BATCH: "batch jobs"}


def check_room(
    session: Session,
    kind: JobKind,
    tenant: str,
    max_queued: int,
    estimated_seconds: float,
    now: datetime,
    *,
    count: int = 1,
    total_seconds: float | None = None,
) -> None:
    """Check whether a tenant may queue `count` more jobs of a kind.

    Args:
        max_queued: Number of queued jobs of a tenant that has no quota of its own.
        estimated_seconds: Time that one of them takes; 0 if it is unknown.
        now: The database's time.
        total_seconds: Time that they take together. Default: `estimated_seconds` each.

    Raises:
        ExhaustedError: The tenant would have too many of them queued, or exceed another quota.
    """
    own = limits_of(session, tenant).queued_jobs
    max_queued = max_queued if own is None else own
    queued = session.scalars(
        select(func.count())
        .select_from(JobRow)
        .where(JobRow.tenant == tenant, JobRow.kind == kind.value, JobRow.state == JobState.QUEUED.value)
    ).one()
    if queued + count > max_queued:
        more = f", and the sweep has {count} trials" if count > 1 else ""
        never = count > max_queued
        raise exceeded(
            tenant,
            QuotaKind.QUEUED_JOBS,
            max_queued,
            f"{queued} {_NOUNS[kind]} are already queued{more}",
            "Ask an administrator for a larger quota." if never else "Wait until one has started, or cancel one.",
            reason="QUEUE_FULL",
            # A place becomes free when a job ends, and the jobs of a tenant usually take similar times.
            retry_after=None if never else _retry_after(estimated_seconds),
        )
    check_jobs(session, kind, tenant, estimated_seconds * count if total_seconds is None else total_seconds, now)


def free_name(
    session: Session, table: type[ExperimentRow | SweepRow | EvaluationRow | BatchJobRow], tenant: str, wanted: str
) -> str:
    """Return a display name with the first free suffix of ` (1)`, ` (2)`, ..."""
    taken = set(
        session.scalars(
            select(table.display_name).where(
                table.tenant == tenant, table.display_name.startswith(wanted, autoescape=True)
            )
        )
    )
    number = 1
    while (name := f"{wanted} ({number})") in taken:
        number += 1
    return name


def without_number(name: str) -> str:
    """Return a display name without the suffix that `free_name` has appended."""
    return re.sub(r" \(\d+\)$", "", name)


def _retry_after(estimated_seconds: float) -> timedelta:
    """Return the time after which a full queue is likely to have a free place."""
    if not estimated_seconds:  # the speed of the machine is not known yet
        return _USUAL_RETRY
    return min(max(timedelta(seconds=estimated_seconds), _MIN_RETRY), _MAX_RETRY)
