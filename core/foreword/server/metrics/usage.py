"""What tenants have used this month, from the database, and what waits to be added to it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from foreword.errors import UnavailableError
from foreword.observability.metrics.labels import MOST_TENANTS, OTHER
from foreword.storage.database import Database
from foreword.storage.usage.repository import month_totals

_MAX_AGE_SECONDS: Final = 60.0
"""Age of the sums: they are read over all rows of a month, and change slowly."""


class UsageCollector(Collector):
    """The usage of this month. All servers share it, so every server exports the same numbers.

    Args:
        waiting_bytes: Returns the size of what this server has not yet added to the database.
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self, database: Database, waiting_bytes: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._waiting_bytes = waiting_bytes
        self._clock = clock
        self._read_at = float("-inf")
        self._totals: dict[tuple[str, str], float] = {}

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment; without those of the database if it is not available."""
        yield GaugeMetricFamily(
            "foreword_usage_journal_bytes",
            "Size of the usage that this server has not yet added to the database.",
            self._waiting_bytes(),
        )
        try:
            totals = self._recent()
        except UnavailableError:  # the database has logged the cause once; the other metrics are still of use
            return
        family = GaugeMetricFamily(
            "foreword_tenant_usage_this_month",
            "What a tenant has used in this calendar month (UTC), in units of the kind.",
            labels=["tenant", "kind"],
        )
        for labels, amount in totals.items():
            family.add_metric(labels, amount)
        yield family

    def forget_tenant(self, tenant: str) -> None:
        """Leave a tenant out that does not exist any more."""
        self._totals = {labels: amount for labels, amount in self._totals.items() if labels[0] != tenant}

    def _recent(self) -> dict[tuple[str, str], float]:
        """Return the amounts by tenant and kind: those of the tenants that use most, and of all others."""
        now = self._clock()
        if now - self._read_at < _MAX_AGE_SECONDS:
            return self._totals
        found = month_totals(self._database)
        weights: dict[str, float] = defaultdict(float)
        for (tenant, _), amount in found.items():
            weights[tenant] += amount
        shown = set(sorted(weights, key=lambda tenant: (-weights[tenant], tenant))[:MOST_TENANTS])
        totals: dict[tuple[str, str], float] = defaultdict(float)
        for (tenant, kind), amount in found.items():
            totals[tenant if tenant in shown else OTHER, kind] += amount
        self._read_at, self._totals = now, totals
        return totals
