"""Audit records: who has changed what, in a chain of hashes that shows whether a record is missing or was altered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

SYSTEM: Final = "system"
"""Actor of what the service does by itself, and of commands that an operator runs on the database."""

DEV: Final = "dev"
"""Actor of calls with the development key, which has no id."""

SERVICE: Final = ""
"""Tenant of records that belong to no tenant, such as calls without a valid key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A change, or refused calls that are alike, counted for a minute.

    Attributes:
        tenant: Id of the tenant to which the record belongs; empty for records that belong to no tenant.
        sequence: Number of the record in its tenant, from 1 without gaps.
        time: Time of the change; of refused calls, the time at which they were counted.
        actor_tenant: Id of the actor's tenant; empty for the system and for calls without a valid key.
        actor: Id of the API key, `dev` for the development key, or `system`; empty without a valid key.
        peer: Address of the client, as trusted proxies pass it on; empty for the system.
        method: Name of the RPC, `Service/Method`, or of the action of the system.
        resource: Name of the resource that was created, changed or deleted; empty for refused calls.
        request_id: Id of the request in the log; empty for refused calls and for the system.
        trace_id: Id of its trace; empty if it has none.
        code: Status of the call, such as `OK` or `PERMISSION_DENIED`.
        reason: Reason of the error; empty for changes.
        changed_fields: Names of the fields that the request has set, without their values.
        count: Number of calls; more than 1 only for refused ones.
        previous_hash: Hash of the record before this one; empty for the first one.
        hash: SHA-256 of the record in hexadecimal; see `record_hash`.
    """

    tenant: str
    sequence: int
    time: datetime
    actor_tenant: str
    actor: str
    peer: str
    method: str
    resource: str
    request_id: str
    trace_id: str
    code: str
    reason: str
    changed_fields: tuple[str, ...]
    count: int
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChain:
    """The ends of the chain of a tenant's records.

    Attributes:
        tenant: Id of the tenant; empty for records that belong to no tenant.
        anchor_sequence: Number of the newest record that the retention has deleted; 0 if it has deleted none.
        anchor_hash: Its hash; empty if there is none.
        last_sequence: Number of the newest record.
        last_hash: Its hash.
    """

    tenant: str
    anchor_sequence: int
    anchor_hash: str
    last_sequence: int
    last_hash: str


def to_json(record: AuditRecord) -> dict[str, Any]:
    """Return a record as a JSON object, the form of exports."""
    fields: dict[str, Any] = {name: getattr(record, name) for name in AuditRecord.__dataclass_fields__}
    return {**fields, "time": record.time.isoformat(), "changed_fields": list(record.changed_fields)}


def from_json(value: Any) -> AuditRecord:
    """Return the record with this JSON form.

    Raises:
        ValueError: It is not the JSON form of a record.
    """
    if not isinstance(value, dict) or set(value) != set(AuditRecord.__dataclass_fields__):
        raise ValueError("is not a record of an export of `foreword audit export`")
    fields = dict(value)
    numbers, fields_named = (fields["sequence"], fields["count"]), fields["changed_fields"]
    texts = [item for name, item in fields.items() if name not in ("sequence", "count", "changed_fields")]
    if not (
        all(isinstance(text, str) for text in texts)
        and all(type(number) is int for number in numbers)
        and isinstance(fields_named, list)
        and all(isinstance(name, str) for name in fields_named)
    ):
        raise ValueError("has a value of another type than a record")
    moment = datetime.fromisoformat(fields["time"])
    if moment.tzinfo is None:
        raise ValueError("has a time without a time zone")
    return AuditRecord(**{**fields, "time": moment, "changed_fields": tuple(fields_named)})


def record_hash(record: AuditRecord) -> str:
    """Return the hash of a record: SHA-256 of its JSON form without `hash`.

    The JSON has sorted keys, no spaces and only ASCII, so that other programs can compute it, too. `previous_hash` is
    part of it.
    """
    fields = to_json(record)
    del fields["hash"]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class ChainChecker:
    """A check that no record of a chain is missing or altered. Records are added in their order.

    Args:
        chain: The ends that the chain must have; later records may follow. None for a part of a chain, of which only
            the inside is checked.
        head: Number and hash of a record, as they were noted earlier; None for no such check.
    """

    def __init__(self, chain: AuditChain | None = None, head: tuple[int, str] | None = None) -> None:
        self._chain = chain
        self._head = head
        self._sequence = None if chain is None else chain.anchor_sequence
        self._hash = "" if chain is None else chain.anchor_hash

    @property
    def sequence(self) -> int:
        """Number of the last record; 0 before the first."""
        return self._sequence or 0

    @property
    def hash(self) -> str:
        """Hash of the last record; empty before the first."""
        return self._hash

    def start(self) -> str:
        """Return what is wrong with the beginning of the chain; empty if nothing is."""
        return self._fault_of_head()

    def add(self, record: AuditRecord) -> str:
        """Check the next record, and return what is wrong with it; empty if nothing is."""
        if self._sequence is None:
            self._sequence, self._hash = record.sequence - 1, record.previous_hash
        before = self._sequence
        if record.sequence != before + 1:
            return f"record {before + 1} is missing: record {record.sequence} follows record {before}"
        if record.previous_hash != self._hash:
            return f"record {record.sequence} does not follow record {before}: one of them was replaced"
        if record_hash(record) != record.hash:
            return f"record {record.sequence} was altered"
        self._sequence, self._hash = record.sequence, record.hash
        chain = self._chain
        if chain is not None and record.sequence == chain.last_sequence and record.hash != chain.last_hash:
            return f"record {record.sequence} is not the one that the service has stored last"
        return self._fault_of_head()

    def end(self) -> str:
        """Return what is wrong after the last record; empty if nothing is."""
        last = max(0 if self._chain is None else self._chain.last_sequence, 0 if self._head is None else self._head[0])
        if self.sequence < last:
            return f"record {self.sequence + 1} is missing: there should be records up to {last}"
        return ""

    def _fault_of_head(self) -> str:
        if self._head is not None and self.sequence == self._head[0] and self._hash != self._head[1]:
            return f"record {self.sequence} is not the one that was noted earlier: the chain was replaced"
        return ""


def chain_fault(records: Iterable[AuditRecord], chain: AuditChain | None = None) -> str:
    """Return what is wrong with records of one tenant, in their order; empty if none is missing or altered.

    Args:
        chain: As in `ChainChecker`.
    """
    checker = ChainChecker(chain)
    return next((fault for fault in map(checker.add, records) if fault), "") or checker.end()
