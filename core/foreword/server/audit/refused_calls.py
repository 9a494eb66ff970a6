"""Refused calls, counted for the audit log."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import grpc

from foreword.addresses import Network
from foreword.domain.audit import DEV, SERVICE
from foreword.errors import ForewordError
from foreword.observability.logging import get_logger
from foreword.server.audit.layer import method_name, peer_of
from foreword.server.audit.mutations import MUTATIONS
from foreword.server.calls.interceptors import Call
from foreword.server.calls.pools import WRITE_SECONDS
from foreword.storage.audit.chains import AuditEntry
from foreword.storage.repositories.audit_log import AuditLog
from foreword.turns.turn_pool import SERVICE as SERVICE_TURN
from foreword.turns.turn_pool import TurnPool

_WRITE_SECONDS: Final = 60.0
_MAX_KINDS_PER_TENANT: Final = 20
_MAX_KINDS: Final = 2_000
_VARIOUS: Final = "various"
_REFUSALS: Final = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
_log = get_logger("audit")


class _Kind(NamedTuple):
    """Refused calls that are counted together."""

    tenant: str
    actor: str
    peer: str
    method: str
    code: str
    reason: str


class RefusedCalls:
    """The calls of a minute that were refused, and the changes that failed, on one event loop.

    They are counted by key, address, method and reason, and written once a minute, so that a flood does not fill the
    disk: beyond 20 kinds of a tenant in a minute, the others are counted together. If the process is killed, up to a
    minute of them is lost.

    Args:
        threads: Writes the records.
        trusted_proxies: Proxies that pass on the addresses of their clients.
    """

    def __init__(self, log: AuditLog, threads: TurnPool, *, trusted_proxies: Sequence[Network] = ()) -> None:
        self._audit_log = log
        self._threads = threads
        self._trusted_proxies = trusted_proxies
        self._counts: Counter[_Kind] = Counter()
        self._kinds: Counter[str] = Counter()

    def count(self, call: Call, code: grpc.StatusCode, _seconds: float) -> None:
        """Count a call that has ended, if it was refused or if its change has failed."""
        if code is grpc.StatusCode.OK or not (code in _REFUSALS or call.method in MUTATIONS):
            return
        record = call.record
        tenant, actor = record.tenant, record.key_id or (DEV if record.tenant else "")
        kind = _Kind(
            tenant=tenant,
            actor=actor,
            peer=peer_of(call, self._trusted_proxies),
            method=method_name(call.method),
            code=code.name,
            reason=record.reason,
        )
        if kind not in self._counts:
            if self._kinds[tenant] >= _MAX_KINDS_PER_TENANT or len(self._counts) >= _MAX_KINDS:
                tenant = tenant if tenant in self._kinds else SERVICE
                kind = _Kind(tenant, _VARIOUS, _VARIOUS, _VARIOUS, code.name, _VARIOUS)
            if kind not in self._counts:
                self._kinds[tenant] += 1
        self._counts[kind] += 1

    async def run(self) -> None:
        """Write the counts every minute."""
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write what has been counted since the last time. It is kept if the database is unavailable."""
        counts, self._counts = self._counts, Counter()
        self._kinds = Counter()
        by_tenant: defaultdict[str, list[AuditEntry]] = defaultdict(list)
        for kind, count in counts.items():
            by_tenant[kind.tenant].append(
                AuditEntry(
                    method=kind.method,
                    actor_tenant=kind.tenant,
                    actor=kind.actor,
                    peer=kind.peer,
                    code=kind.code,
                    reason=kind.reason,
                    count=count,
                )
            )
        for tenant, entries in by_tenant.items():
            try:
                await self._threads.run(SERVICE_TURN, WRITE_SECONDS, self._audit_log.append, {tenant: entries})
            except ForewordError:  # the database is unavailable, and has logged the cause once
                self._keep(counts, tenant)
            except Exception:  # the root of a background task
                _log.exception("audit_failed", tenant=tenant)

    def _keep(self, counts: Counter[_Kind], tenant: str) -> None:
        for kind, count in counts.items():
            if kind.tenant == tenant:
                self._kinds[tenant] += kind not in self._counts
                self._counts[kind] += count
