"""A service in its own process, with keys of several tenants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc

from factories.servers import Stubs
from foreword.cli.demo.service import LocalService
from foreword.client.proxy import DIRECT
from foreword.config import Settings
from foreword.domain.tenant import Scope
from foreword.storage.database import Database
from foreword.storage.repositories.tenants import TenantRepository


class ServiceProcess(LocalService):
    """A service without a worker in its own process, so that its memory is measured apart from that of the test.

    Args:
        home: Folder for database and artifacts; it may hold those of an earlier server.
        environment: Additional settings.
    """

    def __init__(self, home: Path, *, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(home, environment={"FOREWORD_WORKERS": "0", **(environment or {})})
        self._channels: list[grpc.Channel] = []

    def new_key(self, tenant: str, scopes: tuple[Scope, ...] = (Scope.WRITE, Scope.READ, Scope.INFER)) -> str:
        """Create a key, and the tenant if needed, and return the secret of the key."""
        database = Database(Settings(home=self.home).resolved_database_url)
        try:
            tenants = TenantRepository(database)
            tenants.ensure_tenant(tenant)
            return tenants.create_api_key(tenant, "test", scopes)[1]
        finally:
            database.close()

    def stubs(self, key: str) -> Any:
        """Return stubs on a connection of their own, which is closed with the service."""
        channel = grpc.insecure_channel(self.endpoint, DIRECT)
        self._channels.append(channel)
        return Stubs(channel, key)

    def stop(self) -> None:
        """Close the connections and stop the process."""
        for channel in self._channels:
            channel.close()
        super().stop()

    def cpu_seconds(self) -> float:
        """Return the processor time of the server since its start."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100
