"""Whether a resource whose job has ended can be repeated, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from foreword.domain.job import JobState
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.names import DatasetName
from foreword.storage.jobs.leases import lock_job
from foreword.storage.repositories.datasets import require_dataset
from foreword.storage.repositories.job_resources import JobResource, R, find_job_row


def require_repeatable(session: Session, resource: JobResource[R], tenant: str, id: str, *, lock: bool = True) -> R:
    """Return the row of a resource that is to be repeated.

    Args:
        lock: Whether to lock its job, so that it stays as it is until the end of the transaction.

    Raises:
        NotFoundError: It does not exist in the tenant.
    """
    if lock:
        lock_job(session, resource.kind, tenant, id)
    row = find_job_row(session, resource.row, tenant, id)
    if row is None:
        raise NotFoundError.of(str(resource.name(tenant, id)))
    return row


def check_failed_or_cancelled(resource: JobResource[R], row: R) -> None:
    """Raise FailedPreconditionError unless a job has ended without success."""
    name, state = str(resource.name(row.tenant, row.id)), JobState(row.job.state)
    if state is JobState.SUCCEEDED:
        raise FailedPreconditionError(
            f"{name} has succeeded, so there is nothing to retry. Create a new {resource.noun} instead.",
            reason=f"{resource.reason}_SUCCEEDED",
            metadata={"resource": name, "state": state.value},
        )
    if not state.ended:
        remedy = "Wait until it has ended" if state is JobState.CANCELLING else "Wait until it has ended, or cancel it"
        raise FailedPreconditionError(
            f"{name} is {state.value}. {remedy}, then retry it.",
            reason=f"{resource.reason}_ACTIVE",
            metadata={"resource": name, "state": state.value},
        )


def check_datasets(session: Session, resource: JobResource[R], row: R, datasets: Iterable[str | None]) -> None:
    """Raise FailedPreconditionError if one of the datasets that a resource refers to has been deleted."""
    for id in datasets:
        if id is None:
            continue
        try:
            require_dataset(session, row.tenant, id)
        except NotFoundError as error:
            dataset = str(DatasetName(row.tenant, id))
            raise FailedPreconditionError(
                f"{dataset}, whose rows {resource.name(row.tenant, row.id)} needs, has been deleted. Upload its rows "
                f"again, and create a new {resource.noun}.",
                reason="DATASET_DELETED",
                metadata={"resource": dataset},
            ) from error
