"""The records of changes, which `Database.write` adds to the transactions of the changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from foreword.domain.audit import SERVICE, SYSTEM
from foreword.storage.audit.action import Action, current_action
from foreword.storage.audit.chains import AuditEntry, append
from foreword.storage.audit.changes import Changes, watch

Clock = Callable[[Session], datetime]

_CHANGES: Final = "audit_changes"
_RECORDED: Final = "audit_recorded"
_SYSTEM: Final = "audit_system_actions"


def note_system_action(session: Session, method: str, resource: str) -> None:
    """Note an action of the service itself; its record is part of the transaction.

    Args:
        method: Name of the action, such as `RollBackCanary`.
    """
    session.info.setdefault(_SYSTEM, []).append((method, resource))


def begin_recording(session: Session) -> None:
    """Collect what a transaction changes, if it works for an action that has no record yet."""
    action = current_action()
    if action is not None and action.is_pending:
        session.info[_CHANGES] = watch(session)


def record_changes(session: Session, clock: Clock) -> None:
    """Add the records of what a transaction has changed, before its commit.

    A call leaves one record, in the first transaction that changes a resource. A repeated request changes nothing, so
    it leaves none.
    """
    action, changes = current_action(), session.info.pop(_CHANGES, None)
    if action is not None and changes is not None:
        session.flush()
        if changes.resource:
            entry = _of_action(action, changes)
            append(session, _tenant_of(entry.resource, action.actor_tenant), [entry], clock)
            session.info[_RECORDED] = action
    noted: list[tuple[str, str]] = session.info.pop(_SYSTEM, [])
    # In one order, so that two transactions never wait for each other.
    for tenant in sorted({_tenant_of(resource) for _, resource in noted}):
        entries = [
            AuditEntry(method=method, actor_tenant="", actor=SYSTEM, resource=resource)
            for method, resource in noted
            if _tenant_of(resource) == tenant
        ]
        append(session, tenant, entries, clock)


def end_recording(session: Session) -> None:
    """Remember that the record of an action is committed, so that later transactions of a call add no other."""
    action: Action | None = session.info.pop(_RECORDED, None)
    if action is not None:
        action.is_recorded = True


def entry_of(action: Action) -> AuditEntry:
    """Return the record of an action that changes no resource of the database."""
    return _of_action(action, Changes([], []))


def tenant_of(action: Action) -> str:
    """Return the tenant to whose chain the record of an action belongs."""
    return _tenant_of(action.resource, action.actor_tenant)


def _of_action(action: Action, changes: Changes) -> AuditEntry:
    created = next(iter(changes.created), "")
    return AuditEntry(
        method=action.method,
        actor_tenant=action.actor_tenant,
        actor=action.actor,
        peer=action.peer,
        resource=created or action.resource or changes.resource,
        request_id=action.request_id,
        trace_id=action.trace_id,
        changed_fields=action.changed_fields,
    )


def _tenant_of(resource: str, default: str = SERVICE) -> str:
    """Return the tenant in a resource name, so that a change is recorded where it has an effect."""
    parts = resource.split("/", 2)
    return parts[1] if len(parts) > 1 and parts[0] == "tenants" else default
