"""The quotas in force, and the error for a tenant that would exceed one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from foreword.domain.quota import UNLIMITED, QuotaKind, Quotas
from foreword.errors import ExhaustedError
from foreword.names import TenantName
from foreword.storage.tables import QuotaRow

DEFAULT_QUOTAS: Final = "default_quotas"
"""The key in `Session.info` of the quotas of tenants that have none of their own."""
REASON: Final = "QUOTA_EXCEEDED"


def limits_of(session: Session, tenant: str) -> Quotas:
    """Return the quotas in force for a tenant."""
    return limits_of_each(session, [tenant])[tenant]


def limits_of_each(session: Session, tenants: Collection[str]) -> Mapping[str, Quotas]:
    """Return the quotas in force for each of the tenants."""
    defaults: Quotas = session.info.get(DEFAULT_QUOTAS, UNLIMITED)
    found = session.execute(select(QuotaRow.tenant, QuotaRow.limits).where(QuotaRow.tenant.in_(tenants)))
    own = {tenant: Quotas(**limits) for tenant, limits in found}
    return {tenant: own.get(tenant, UNLIMITED).over(defaults) for tenant in tenants}


def exceeded(
    tenant: str,
    kind: QuotaKind,
    limit: float,
    problem: str,
    remedy: str,
    *,
    reason: str = REASON,
    retry_after: timedelta | None = None,
    metadata: Mapping[str, str] | None = None,
) -> ExhaustedError:
    """Return the error for a tenant that would exceed a quota.

    Args:
        problem: What the tenant has or asks for, without a full stop.
        remedy: What the caller can do.
        retry_after: When waiting helps; None if it does not.
    """
    return ExhaustedError(
        f"{problem}; the quota {kind.value} of {TenantName(tenant)} is {shown(limit)}. {remedy}",
        reason=reason,
        metadata={"quota": kind.value, "limit": shown(limit), **(metadata or {})},
        retry_after=retry_after or timedelta(seconds=1),
        waiting_helps=retry_after is not None,
        quota=str(TenantName(tenant)),
    )


def shown(value: float) -> str:
    """Return a value of a quota as text: whole numbers without a decimal point."""
    return f"{value:.0f}" if value == int(value) else f"{value:g}"
