"""Removal of the series of tenants that do not exist any more from the metrics of a worker."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from foreword.errors import UnavailableError
from foreword.observability.metrics.worker import WorkerMetrics
from foreword.storage.database import Database
from foreword.storage.repositories.tenants import TenantRepository


class GoneTenants(Collector):
    """A collector without metrics of its own. A scrape after the purge of a tenant removes its series."""

    def __init__(self, database: Database, metrics: WorkerMetrics) -> None:
        self._tenants = TenantRepository(database)
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not read the database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Remove the series, and return nothing."""
        known = self._metrics.tenants
        if known:
            try:
                existing = self._tenants.existing(known)
            except UnavailableError:  # the database has logged the cause once; a later scrape tries again
                return ()
            for tenant in known - existing:
                self._metrics.forget_tenant(tenant)
        return ()
