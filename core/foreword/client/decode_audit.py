"""Decoding of audit records and chains."""

from __future__ import annotations

from datetime import UTC

from foreword.domain.audit import AuditChain, AuditRecord
from foreword.v1 import audit_pb2


def audit_record(message: audit_pb2.AuditRecord) -> AuditRecord:
    """Decode a record."""
    return AuditRecord(
        tenant=_id(message.tenant),
        sequence=message.sequence,
        time=message.time.ToDatetime(tzinfo=UTC),
        actor_tenant=_id(message.actor_tenant),
        actor=message.actor,
        peer=message.peer,
        method=message.method,
        resource=message.resource,
        request_id=message.request_id,
        trace_id=message.trace_id,
        code=message.code,
        reason=message.reason,
        changed_fields=tuple(message.changed_fields),
        count=message.count,
        previous_hash=message.previous_hash,
        hash=message.hash,
    )


def audit_chain(message: audit_pb2.AuditChain) -> AuditChain:
    """Decode the ends of a chain."""
    return AuditChain(
        tenant=_id(message.tenant),
        anchor_sequence=message.anchor_sequence,
        anchor_hash=message.anchor_hash,
        last_sequence=message.last_sequence,
        last_hash=message.last_hash,
    )


def _id(tenant: str) -> str:
    return tenant.removeprefix("tenants/")
