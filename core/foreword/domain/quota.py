"""Quotas: what a tenant may use at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum


class QuotaKind(Enum):
    """A quota. The value is the name of its field in `Quotas` and in the API."""

    REQUESTS_PER_SECOND = "requests_per_second"
    TOKENS_PER_SECOND = "tokens_per_second"
    QUEUED_JOBS = "queued_jobs"
    RUNNING_JOBS = "running_jobs"
    DATASET_ROWS = "dataset_rows"
    STORED_BYTES = "stored_bytes"
    DEPLOYMENTS = "deployments"
    CAPACITY_UNIT_HOURS_PER_MONTH = "capacity_unit_hours_per_month"

    @property
    def is_rate(self) -> bool:
        """True if it limits how often something happens. Each server counts for itself."""
        return self in (QuotaKind.REQUESTS_PER_SECOND, QuotaKind.TOKENS_PER_SECOND)

    @property
    def is_whole(self) -> bool:
        """True if its value is a whole number."""
        return not self.is_rate and self is not QuotaKind.CAPACITY_UNIT_HOURS_PER_MONTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """A value for each quota; None if there is none.

    Attributes:
        requests_per_second: RPCs; a BatchGenerate counts as many as it holds requests. As many may come at once.
        tokens_per_second: Input and output tokens of answers. As many may come at once.
        queued_jobs: Queued experiments; likewise evaluations, and batch jobs.
        running_jobs: Jobs that workers have at the same time. Others wait in the queue.
        dataset_rows: Rows of all datasets.
        stored_bytes: Size in bytes of all datasets, tuned models and saved prompts.
        deployments: Deployments in all spaces.
        capacity_unit_hours_per_month: Compute time of jobs in a calendar month (UTC), in hours.
    """

    requests_per_second: float | None = None
    tokens_per_second: float | None = None
    queued_jobs: int | None = None
    running_jobs: int | None = None
    dataset_rows: int | None = None
    stored_bytes: int | None = None
    deployments: int | None = None
    capacity_unit_hours_per_month: float | None = None

    def of(self, kind: QuotaKind) -> float | None:
        """Return the value of a quota."""
        value: float | None = getattr(self, kind.value)
        return value

    def over(self, defaults: Quotas) -> Quotas:
        """Return these quotas, with those of `defaults` where there is none."""
        return Quotas(
            **{
                item.name: getattr(defaults, item.name)
                if getattr(self, item.name) is None
                else getattr(self, item.name)
                for item in fields(self)
            }
        )


UNLIMITED = Quotas()
"""No quotas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantQuota:
    """The quotas of a tenant and what it uses of them.

    Attributes:
        own: The quotas that are set for the tenant.
        limits: The quotas in force: its own, and those of the service where it has none.
        used: What the tenant uses; nothing for rates.
        etag: Changes with every update.
        update_time: Time of the last update; None if no quota was ever set.
    """

    tenant: str
    own: Quotas
    limits: Quotas
    used: Mapping[QuotaKind, float]
    etag: str
    update_time: datetime | None
