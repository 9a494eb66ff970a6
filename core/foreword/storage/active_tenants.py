"""Which tenants are active. Work for others waits: jobs, deliveries, probes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from foreword.domain.tenant import TenantState
from foreword.storage.tables import TenantRow

_IS_ACTIVE = TenantRow.state == TenantState.ACTIVE.value


def of_active_tenant(tenant: Any) -> ColumnElement[bool]:
    """Return the condition that a column holds the id of an active tenant."""
    condition: ColumnElement[bool] = tenant.in_(select(TenantRow.id).where(_IS_ACTIVE))
    return condition


def active_of(session: Session, tenants: Collection[str]) -> frozenset[str]:
    """Return those of the tenants that are active."""
    return frozenset(session.scalars(select(TenantRow.id).where(TenantRow.id.in_(tenants), _IS_ACTIVE)))
