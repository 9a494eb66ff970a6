"""Checks of quotas in the transactions that would use more. These are serialised for their tenant."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword.domain.batch_job import BatchJobPlan
from foreword.domain.experiment import TunePlan
from foreword.domain.job import JobKind, JobState
from foreword.domain.quota import QuotaKind
from foreword.domain.usage import UsageKind
from foreword.storage.codec import decode
from foreword.storage.quotas.limits import exceeded, limits_of
from foreword.storage.quotas.sums import used_this_month
from foreword.storage.tables import (
    BatchJobRow,
    DatasetRow,
    DeploymentRow,
    EvaluationRow,
    ExperimentRow,
    JobRow,
    SavedPromptVersionRow,
    TunedModelRow,
)

_LIVE_STATES = [state.value for state in JobState if not state.ended]
_DELETE_STORED = "Delete datasets, tuned models or saved prompts"
_LARGER = "or ask an administrator for a larger quota."


def check_dataset(session: Session, tenant: str, *, row_count: int, byte_size: int) -> None:
    """Check whether a tenant may store another dataset.

    Raises:
        ExhaustedError: Its rows or bytes would exceed the quota.
    """
    limits = limits_of(session, tenant)
    if limits.dataset_rows is not None:
        rows = stored_rows(session, tenant)
        if rows + row_count > limits.dataset_rows:
            raise exceeded(
                tenant,
                QuotaKind.DATASET_ROWS,
                limits.dataset_rows,
                f"{rows:,} rows are stored and this dataset has {row_count:,}",
                f"Delete datasets, {_LARGER}",
            )
    _check_bytes(session, tenant, limits.stored_bytes, byte_size, "dataset")


def check_saved_prompt(session: Session, tenant: str, byte_size: int) -> None:
    """Check whether a tenant may save another version of a prompt.

    Raises:
        ExhaustedError: Its bytes would exceed the quota.
    """
    _check_bytes(session, tenant, limits_of(session, tenant).stored_bytes, byte_size, "prompt")


def check_deployment(session: Session, tenant: str) -> None:
    """Check whether a tenant may have another deployment.

    Raises:
        ExhaustedError: It has as many as the quota allows.
    """
    limit = limits_of(session, tenant).deployments
    if limit is None:
        return
    count = count_deployments(session, tenant)
    if count >= limit:
        raise exceeded(
            tenant,
            QuotaKind.DEPLOYMENTS,
            limit,
            f"There are {count} deployments",
            f"Delete a deployment, {_LARGER}",
        )


def check_jobs(session: Session, kind: JobKind, tenant: str, estimated_seconds: float, now: datetime) -> None:
    """Check whether a tenant may use the compute time and the room of new jobs.

    What live jobs are expected to use still counts as used, so that two creations cannot share what is left.

    Args:
        estimated_seconds: Compute time that the new jobs take together; 0 if it is unknown.
        now: The database's time.

    Raises:
        ExhaustedError: The hours of the month are used up or would be, or there is no room for a tuned model.
    """
    limits = limits_of(session, tenant)
    if kind is JobKind.TUNE and limits.stored_bytes is not None:
        held = stored_bytes(session, tenant)
        if held >= limits.stored_bytes:
            raise exceeded(
                tenant,
                QuotaKind.STORED_BYTES,
                limits.stored_bytes,
                f"{held:,} bytes are stored and there is no room for a tuned model",
                f"{_DELETE_STORED}, {_LARGER}",
            )
    limit = limits.capacity_unit_hours_per_month
    if limit is None:
        return
    used = used_this_month(session, tenant, UsageKind.CAPACITY_UNIT_HOURS, now)
    expected = _expected_seconds(session, tenant) / 3600
    wanted = estimated_seconds / 3600
    if used + expected + wanted > limit or used >= limit:
        never = wanted > limit  # a whole month is too short for it
        raise exceeded(
            tenant,
            QuotaKind.CAPACITY_UNIT_HOURS_PER_MONTH,
            limit,
            f"{used:.3g} capacity-unit-hours are used this month, live jobs are expected to use {expected:.3g} more, "
            f"and this needs about {wanted:.3g}",
            f"{'Request less' if never else 'Wait for the next month (UTC)'}, {_LARGER}",
            retry_after=None if never else next_month(now) - now,
            metadata={"used": f"{used:g}"},
        )


def stored_rows(session: Session, tenant: str) -> int:
    """Return the number of rows of all datasets of a tenant."""
    total = session.scalars(select(func.sum(DatasetRow.row_count)).where(DatasetRow.tenant == tenant)).one()
    return int(total or 0)


def stored_bytes(session: Session, tenant: str) -> int:
    """Return the size in bytes of all datasets, tuned models and saved prompts of a tenant."""
    datasets = session.scalars(select(func.sum(DatasetRow.byte_size)).where(DatasetRow.tenant == tenant)).one()
    size = TunedModelRow.manifest["byte_size"].as_integer()
    models = session.scalars(select(func.sum(size)).where(TunedModelRow.tenant == tenant)).one()
    saved = SavedPromptVersionRow.byte_size
    prompts = session.scalars(select(func.sum(saved)).where(SavedPromptVersionRow.tenant == tenant)).one()
    return int(datasets or 0) + int(models or 0) + int(prompts or 0)


def count_deployments(session: Session, tenant: str) -> int:
    """Return the number of deployments of a tenant."""
    return session.scalars(select(func.count()).where(DeploymentRow.tenant == tenant)).one()


def next_month(now: datetime) -> datetime:
    """Return the beginning of the next calendar month."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _check_bytes(session: Session, tenant: str, limit: int | None, byte_size: int, noun: str) -> None:
    """Raise ExhaustedError if something of this size, which `noun` names, exceeds the quota of stored bytes."""
    if limit is None:
        return
    held = stored_bytes(session, tenant)
    if held + byte_size > limit:
        raise exceeded(
            tenant,
            QuotaKind.STORED_BYTES,
            limit,
            f"{held:,} bytes are stored and this {noun} has {byte_size:,}",
            f"{_DELETE_STORED}, {_LARGER}",
        )


def _expected_seconds(session: Session, tenant: str) -> float:
    """Return the compute time that the live jobs of a tenant are expected to use still."""
    live = (JobRow.tenant == tenant, JobRow.state.in_(_LIVE_STATES))
    left = 0.0
    for stored, used in session.execute(
        select(ExperimentRow.plan, JobRow.compute_seconds).join(ExperimentRow.job).where(*live)
    ):
        left += max(0.0, decode(TunePlan, stored).estimated_seconds - used)
    for stored, used in session.execute(
        select(BatchJobRow.plan, JobRow.compute_seconds).join(BatchJobRow.job).where(*live)
    ):
        left += max(0.0, decode(BatchJobPlan, stored).estimated_seconds - used)
    for seconds, used in session.execute(
        select(EvaluationRow.estimated_seconds, JobRow.compute_seconds).join(EvaluationRow.job).where(*live)
    ):
        left += max(0.0, seconds - used)
    return left
