"""Conversion of audit records and chains."""

from __future__ import annotations

from foreword.domain.audit import AuditChain, AuditRecord
from foreword.names import TenantName
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import audit_pb2


def audit_record(item: AuditRecord) -> audit_pb2.AuditRecord:
    """Convert a record to a message."""
    return audit_pb2.AuditRecord(
        tenant=_tenant(item.tenant),
        sequence=item.sequence,
        time=timestamp(item.time),
        actor_tenant=_tenant(item.actor_tenant),
        actor=item.actor,
        peer=item.peer,
        method=item.method,
        resource=item.resource,
        request_id=item.request_id,
        trace_id=item.trace_id,
        code=item.code,
        reason=item.reason,
        changed_fields=item.changed_fields,
        count=item.count,
        previous_hash=item.previous_hash,
        hash=item.hash,
    )


def audit_chain(item: AuditChain) -> audit_pb2.AuditChain:
    """Convert the ends of a chain to a message."""
    return audit_pb2.AuditChain(
        tenant=_tenant(item.tenant),
        anchor_sequence=item.anchor_sequence,
        anchor_hash=item.anchor_hash,
        last_sequence=item.last_sequence,
        last_hash=item.last_hash,
    )


def _tenant(id: str) -> str:
    return str(TenantName(id)) if id else ""
