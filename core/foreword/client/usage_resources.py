"""Quotas and usage as frozen dataclasses, which the client returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from foreword.domain.usage import UsageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """A quota in force, and what the tenant uses of it.

    Attributes:
        quota: Its name, such as `deployments`.
        limit: The limit; None if there is none.
        is_default: Whether the limit is the default of the service.
        used: What the tenant uses at the moment or, for hours, has used this month; None for rates.
    """

    quota: str
    limit: float | None
    is_default: bool
    used: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a tenant may use at most.

    Attributes:
        limits: The quotas that are set for the tenant, by name.
        uses: All quotas in force, with what the tenant uses of them.
        etag: Changes with every update.
        update_time: Time of the last update; None if no quota was ever set for the tenant.
    """

    name: str
    limits: Mapping[str, float]
    uses: tuple[QuotaUse, ...]
    etag: str
    update_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """An amount that was used. Fields over which it was summed up are empty.

    Attributes:
        tenant: Name of the tenant.
        day: Day in UTC, such as `2026-01-31`.
        model: Name of the model that has answered; for jobs, of their base model.
        kind: What is counted.
        amount: In units of the kind.
    """

    tenant: str
    day: str
    model: str
    kind: UsageKind
    amount: float
