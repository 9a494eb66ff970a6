"""Labels with a bounded number of values, and the buckets that latencies share."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

OTHER: Final = "_other"
"""The value of a label beyond the bound."""

MOST_TENANTS: Final = 100
MOST_DEPLOYMENTS: Final = 200
MOST_REASONS: Final = 100

LATENCY_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""
COUNT_BUCKETS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Upper bounds of rows and runs that are computed together."""


_SEPARATOR: Final = "\0"


class BoundedLabel:
    """The first values of a label; later ones become `_other`. It may be called on any thread.

    Args:
        most: Number of values that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, None] = {}

    def __call__(self, value: str) -> str:
        """Return the value, or `_other` if there are too many values."""
        if value in self._known:
            return value
        if len(self._known) >= self._most:
            return OTHER
        self._known[value] = None
        return value

    @property
    def values(self) -> frozenset[str]:
        """The values that are kept."""
        return frozenset(tuple(self._known))

    def forget(self, value: str) -> None:
        """Forget a value, which leaves room for another one."""
        self._known.pop(value, None)


class DeploymentLabels:
    """The labels of tenants and deployments, which metrics share. The names of different tenants count as different."""

    def __init__(self) -> None:
        self._tenant = BoundedLabel(MOST_TENANTS)
        self._deployment = BoundedLabel(MOST_DEPLOYMENTS)

    def __call__(self, tenant: str, deployment: str) -> tuple[str, str]:
        """Return the labels of a deployment; an empty name stays empty."""
        known = self._tenant(tenant)
        if not deployment or known == OTHER:
            return known, "" if not deployment else OTHER
        joined = known + _SEPARATOR + deployment
        return known, deployment if self._deployment(joined) == joined else OTHER

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants that have a label."""
        return self._tenant.values

    def forget_tenant(self, tenant: str) -> None:
        """Forget the labels of a tenant and of its deployments."""
        self._tenant.forget(tenant)
        for joined in self._deployment.values:
            if joined.startswith(tenant + _SEPARATOR):
                self._deployment.forget(joined)


def remove_series(counter: Counter, tenant: str) -> None:
    """Remove the series of a counter whose label `tenant` has this value."""
    series = {
        tuple(sample.labels.values())
        for family in counter.collect()
        for sample in family.samples
        if sample.labels.get("tenant") == tenant
    }
    for values in series:
        counter.remove(*values)
