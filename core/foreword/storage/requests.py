"""Idempotent requests: a request id with what it made, decided in the transaction that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from foreword.errors import AlreadyExistsError, NotFoundError
from foreword.storage.tables import RequestRow
from foreword.storage.texts import check_texts

KEPT = timedelta(hours=48)
"""How long a request id is remembered at least; the promise is 24 hours."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Identifies a request.

    Attributes:
        rpc: Method that was called.
        request_id: The caller's id; unique to the method and the tenant.
        fingerprint: Hash of the request's content.
    """

    rpc: str
    request_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a request did when it came the first time.

    Attributes:
        resource: What it made or changed.
        time: When, by the database's clock.
    """

    resource: str
    time: datetime

    def made(self, create_time: datetime) -> bool:
        """Whether what goes by that name now is what it was then. An id may be given out anew after a deletion."""
        return create_time <= self.time


def find_replay(session: Session, tenant: str, request: RequestKey | None) -> Replay | None:
    """What the request did when it came the first time; None when it is new or carries no id.

    Raises:
        AlreadyExistsError: The id came with other content.
    """
    if request is None:
        return None
    check_texts(request_id=request.request_id)
    row = session.get(RequestRow, (tenant, request.rpc, request.request_id))
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise AlreadyExistsError(
            f"request_id {request.request_id!r} was used for a request with other content. Use a new one.",
            reason="REQUEST_ID_REUSED",
            metadata={"request_id": request.request_id},
        )
    return Replay(resource=row.resource, time=row.create_time)


def remember(session: Session, tenant: str, request: RequestKey | None, resource: str, now: datetime) -> None:
    """Stores what the request made, and forgets what the tenant asked long ago."""
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
    """The answer to a replay whose resource is gone."""
    return NotFoundError.of(resource, "This request created it, and it was deleted since; use a new request_id.")
