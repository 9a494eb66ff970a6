"""Labels with a bounded number of values, and the buckets that latencies share."""

from __future__ import annotations

from typing import Final

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
