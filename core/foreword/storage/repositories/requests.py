"""Idempotent requests: request ids are stored in the transaction that creates or changes their resource."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from foreword.errors import AlreadyExistsError, NotFoundError
from foreword.storage.tables import RequestRow
from foreword.storage.texts import check_texts

NO_TENANT: Final = ""
"""The tenant of requests that belong to none: administrators create tenants."""

KEPT = timedelta(hours=48)
"""Minimum time for which a request id is stored. The API promises 24 hours."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key of an idempotent request.

    Attributes:
        rpc: Name of the method.
        request_id: Id chosen by the caller; unique for the method and the tenant.
        fingerprint: Hash of the request's content.
    """

    rpc: str
    request_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The effect of a request when it was first received.

    Attributes:
        resource: The resource that it created or changed.
        time: Time of the first request, by the database's clock.
    """

    resource: str
    time: datetime

    def made(self, create_time: datetime) -> bool:
        """Return whether a resource existed at that time. A later one reuses the id of a deleted resource."""
        return create_time <= self.time


def find_replay(session: Session, tenant: str, request: RequestKey | None) -> Replay | None:
    """Return the effect of an earlier request with the same id; None if the request is new or has no id.

    Raises:
        AlreadyExistsError: The id was already used with other content.
    """
    if request is None:
        return None
    check_texts(request_id=request.request_id)
    row = session.get(RequestRow, (tenant, request.rpc, request.request_id))
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise AlreadyExistsError(
            f"request_id {request.request_id!r} was already used with other content. Use a new request_id.",
            reason="REQUEST_ID_REUSED",
            metadata={"request_id": request.request_id},
        )
    return Replay(resource=row.resource, time=row.create_time)


def remember(session: Session, tenant: str, request: RequestKey | None, resource: str, now: datetime) -> None:
    """Store the resource of a request, and delete expired request ids of the tenant."""
    if request is None:
        return
    session.execute(delete(RequestRow).where(RequestRow.tenant == tenant, RequestRow.create_time < now - KEPT))
    session.add(
        RequestRow(
            tenant=tenant,
            rpc=request.rpc,
            request_id=request.request_id,
            fingerprint=request.fingerprint,
            resource=resource,
            create_time=now,
        )
    )


def deleted_since(resource: str) -> NotFoundError:
    """Return the error for a replay whose resource was deleted."""
    return NotFoundError.of(resource, "This request created it, and it has been deleted since. Use a new request_id.")
