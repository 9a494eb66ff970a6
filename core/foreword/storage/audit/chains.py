"""The chains of audit records: each record has the hash of the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from foreword.domain.audit import AuditChain, AuditRecord, record_hash, to_json
from foreword.observability.logging import get_logger
from foreword.storage.tables import AuditChainRow, AuditRecordRow

_log = get_logger("audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An audit record before it has its place in the chain; see `AuditRecord`."""

    method: str
    actor_tenant: str
    actor: str
    peer: str = ""
    resource: str = ""
    request_id: str = ""
    trace_id: str = ""
    code: str = "OK"
    reason: str = ""
    changed_fields: tuple[str, ...] = ()
    count: int = 1


def append(session: Session, tenant: str, entries: Sequence[AuditEntry], clock: Any) -> None:
    """Add records to the chain of a tenant.

    It locks the chain until the commit, so it must be the last lock of the transaction: transactions that wait for each
    other's chains and rows would end in a deadlock.

    Args:
        clock: Returns the database's time in this transaction. It is read under the lock, so that times only grow.
    """
    chain = lock_chain(session, tenant)
    now: datetime = clock(session)
    for entry in entries:
        record = _record(tenant, chain, entry, now)
        session.add(AuditRecordRow(**{**to_json(record), "time": now}))
        chain.last_sequence, chain.last_hash = record.sequence, record.hash
    session.flush()


def lock_chain(session: Session, tenant: str) -> AuditChainRow:
    """Return the row of a chain, locked. It is created if the tenant has none.

    If there are records without a chain, somebody has removed its row. The new one leaves out a number behind the
    records, since nobody knows how many were removed: the gap stays, so that whoever verifies the chain notices it.
    """
    session.flush()  # reading the row again would undo changes of it that are not written yet
    row = _locked(session, tenant)
    if row is None:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        # Two transactions may create it together; both then use the same row.
        session.execute(insert(AuditChainRow).values(tenant=tenant, **_ends(session, tenant)).on_conflict_do_nothing())
        row = _locked(session, tenant)
        assert row is not None
    return row


def _ends(session: Session, tenant: str) -> dict[str, Any]:
    """Return the ends of a new chain."""
    of_tenant = select(AuditRecordRow).where(AuditRecordRow.tenant == tenant).limit(1)
    first = session.scalars(of_tenant.order_by(AuditRecordRow.sequence)).first()
    last = session.scalars(of_tenant.order_by(AuditRecordRow.sequence.desc())).first()
    if first is None or last is None:
        return {"anchor_sequence": 0, "anchor_hash": "", "last_sequence": 0, "last_hash": ""}
    _log.error("audit_chain_missing", tenant=tenant, last_sequence=last.sequence)
    return {
        "anchor_sequence": first.sequence - 1,
        "anchor_hash": first.previous_hash,
        "last_sequence": last.sequence + 1,
        "last_hash": "",
    }


def without_chain(session: Session, tenant: str | None) -> Sequence[str]:
    """Return whose chain was removed though there are records: the tenant, or all such tenants, in order."""
    has_chain = select(AuditChainRow.tenant).where(AuditChainRow.tenant == AuditRecordRow.tenant).exists()
    records = select(AuditRecordRow.tenant).where(~has_chain).distinct()
    if tenant is not None:
        records = records.where(AuditRecordRow.tenant == tenant)
    return sorted(session.scalars(records))


def _locked(session: Session, tenant: str) -> AuditChainRow | None:
    return session.get(AuditChainRow, tenant, with_for_update=True, populate_existing=True)


def to_record(row: AuditRecordRow) -> AuditRecord:
    """Return a stored record."""
    return AuditRecord(
        tenant=row.tenant,
        sequence=row.sequence,
        time=row.time,
        actor_tenant=row.actor_tenant,
        actor=row.actor,
        peer=row.peer,
        method=row.method,
        resource=row.resource,
        request_id=row.request_id,
        trace_id=row.trace_id,
        code=row.code,
        reason=row.reason,
        changed_fields=tuple(row.changed_fields),
        count=row.count,
        previous_hash=row.previous_hash,
        hash=row.hash,
    )


def to_chain(row: AuditChainRow) -> AuditChain:
    """Return a stored chain."""
    return AuditChain(
        tenant=row.tenant,
        anchor_sequence=row.anchor_sequence,
        anchor_hash=row.anchor_hash,
        last_sequence=row.last_sequence,
        last_hash=row.last_hash,
    )


def _record(tenant: str, chain: AuditChainRow, entry: AuditEntry, now: datetime) -> AuditRecord:
    record = AuditRecord(
        tenant=tenant,
        sequence=chain.last_sequence + 1,
        time=now,
        actor_tenant=entry.actor_tenant,
        actor=entry.actor,
        peer=entry.peer,
        method=entry.method,
        resource=entry.resource,
        request_id=entry.request_id,
        trace_id=entry.trace_id,
        code=entry.code,
        reason=entry.reason,
        changed_fields=entry.changed_fields,
        count=entry.count,
        previous_hash=chain.last_hash,
        hash="",
    )
    return replace(record, hash=record_hash(record))
