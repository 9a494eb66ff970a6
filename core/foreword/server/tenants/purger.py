"""The background task that purges deleted tenants, and forgets in memory those that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS, Pools
from foreword.storage.database import Database
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.tenant_purge import TenantPurge
from foreword.turns.turn_pool import SERVICE

_LOOK_SECONDS: Final = 10.0
_log = get_logger("tenants")


class TenantMemory(Protocol):
    """Something that keeps in memory what belongs to tenants."""

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants of which something is kept."""
        ...

    def forget_tenant(self, tenant: str) -> None:
        """Drop what is kept of a tenant."""
        ...


class TenantPurger:
    """The task that purges deleted tenants.

    Another server may have purged a tenant, so each looks itself which of the tenants that it remembers still exist.

    Args:
        purge: The purge of the rows and files.
        memories: What keeps something of tenants in this process.
    """

    def __init__(
        self, *, database: Database, purge: TenantPurge, pools: Pools, memories: Sequence[TenantMemory]
    ) -> None:
        self._tenants = TenantRepository(database)
        self._purge = purge
        self._pools = pools
        self._memories = memories

    async def run(self) -> None:
        """Purge and forget until the task is cancelled."""
        while True:
            try:
                await self.look()
            except UnavailableError:
                pass  # the database has logged the cause once; it may recover
            except Exception:  # the root of a background task
                _log.exception("tenants_not_purged")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Purge the tenants that are due now, and forget those that are gone."""
        await self._pools.files.run(SERVICE, WRITE_SECONDS, self._purge.purge_due)
        known = frozenset[str]().union(*(memory.tenants for memory in self._memories))
        if not known:
            return
        gone = known - await self._pools.storage.run(SERVICE, READ_SECONDS, self._tenants.existing, known)
        for tenant in gone:
            for memory in self._memories:
                memory.forget_tenant(tenant)
