"""The sums of usage in the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from foreword.domain.usage import UsageKey, UsageKind
from foreword.storage.tables import UsageRow


def add_usage(session: Session, amounts: Mapping[UsageKey, float]) -> None:
    """Add amounts to the sums, in the order of their keys, so that two transactions never wait for each other."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for key in sorted(amounts):
        statement = insert(UsageRow).values(
            tenant=key.tenant, day=key.day, model=key.model, kind=key.kind, amount=amounts[key]
        )
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[UsageRow.tenant, UsageRow.day, UsageRow.model, UsageRow.kind],
                set_={"amount": UsageRow.amount + statement.excluded.amount},
            )
        )


def day_of(time: datetime) -> str:
    """Return the day of a time in UTC, such as `2026-01-31`."""
    return f"{time:%Y-%m-%d}"


def month_start(time: datetime) -> str:
    """Return the first day of the calendar month of a time in UTC."""
    return f"{time:%Y-%m}-01"


def used_this_month(session: Session, tenant: str, kind: UsageKind, now: datetime) -> float:
    """Return what a tenant has used of a kind in the calendar month (UTC) of `now`."""
    total = session.scalars(
        select(func.sum(UsageRow.amount)).where(
            UsageRow.tenant == tenant, UsageRow.kind == kind.value, UsageRow.day >= month_start(now)
        )
    ).one()
    return float(total or 0.0)
