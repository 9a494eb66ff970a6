"""Lists of usage, summed up by any of its fields, and its retention."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, literal, select
from sqlalchemy.orm import Session, aliased

from foreword.domain.usage import Usage, UsageField, UsageKind
from foreword.storage.database import Database
from foreword.storage.lists.fields import Context, TextField
from foreword.storage.lists.filters import filter_condition
from foreword.storage.lists.list_specs import USAGE, ListSpec, usage_fields
from foreword.storage.lists.orders import OrderTerm
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.quotas.sums import day_of, month_start
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import UsageRow
from foreword.storage.texts import check_texts

_COLUMNS: Final = {
    UsageField.DAY: UsageRow.day,
    UsageField.TENANT: UsageRow.tenant,
    UsageField.MODEL: UsageRow.model,
}


class UsageRepository:
    """What tenants have used.

    Args:
        tenant: The tenant whose usage is listed; None for that of all tenants.
    """

    def __init__(self, database: Database, tenant: str | None) -> None:
        self._database = database
        self._tenant = tenant

    def list(
        self,
        request: ListRequest = FIRST_PAGE,
        *,
        group_by: Collection[UsageField] = tuple(UsageField),
        take: Take[Usage] = take_any,
    ) -> Page[Usage]:
        """List usage, by default the newest day first.

        Args:
            group_by: The fields to keep besides the kind; amounts that differ only in others are summed up.
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: The tenant does not exist.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        check_texts(filter=request.filter)
        context = Context(is_sqlite=self._database.is_sqlite, tenant=self._tenant or "")
        conditions = [filter_condition(request.filter, USAGE.fields, context)]
        if self._tenant is not None:
            conditions.append(UsageRow.tenant == self._tenant)
        kept = {field.value for field in group_by}
        return ListReader(
            database=self._database,
            spec=_grouped(group_by, conditions),
            tenant=self._tenant or "",
            # A token is of no use with another filter or other groups.
            parent=f"{','.join(sorted(kept))}/{request.filter}",
            convert=lambda _, rows: map(_usage, rows),
            check=self._check,
        ).read(replace(request, filter=""), take)

    def _check(self, session: Session) -> None:
        if self._tenant is not None:
            require_tenant(session, self._tenant)


class UsageRetention:
    """The deletion of usage that has been kept for long enough. Servers may run it at the same time.

    Args:
        days: Number of days for which usage is kept.
    """

    def __init__(self, database: Database, *, days: int) -> None:
        self._database = database
        self._days = days

    def delete_expired(self) -> None:
        """Delete the usage of days that have expired."""
        with self._database.read() as session:
            first = day_of(self._database.clock(session) - timedelta(days=self._days))
            expired = session.scalars(select(UsageRow.day).where(UsageRow.day < first).limit(1)).first()
        if expired is not None:  # a read lets others write meanwhile
            with self._database.write() as session:
                session.execute(delete(UsageRow).where(UsageRow.day < first))


def month_totals(database: Database) -> dict[tuple[str, str], float]:
    """Return what has been used in this calendar month (UTC), by tenant and kind."""
    with database.read() as session:
        rows = session.execute(
            select(UsageRow.tenant, UsageRow.kind, func.sum(UsageRow.amount))
            .where(UsageRow.day >= month_start(database.clock(session)))
            .group_by(UsageRow.tenant, UsageRow.kind)
        )
        return {(tenant, kind): float(amount) for tenant, kind, amount in rows}


def _grouped(group_by: Collection[UsageField], conditions: Sequence[ColumnElement[bool]]) -> ListSpec[UsageRow]:
    """Return the list of the sums of usage that meets conditions."""
    columns: list[Any] = [UsageRow.kind]
    for field, column in _COLUMNS.items():
        columns.append(column if field in group_by else literal("").label(field.value))
    kept = [column for field, column in _COLUMNS.items() if field in group_by]
    sums = (
        select(*columns, func.sum(UsageRow.amount).label("amount"))
        .where(*conditions)
        .group_by(UsageRow.kind, *kept)
        .subquery()
    )
    row = aliased(UsageRow, sums, adapt_on_names=True)
    key = row.day + "/" + row.tenant + "/" + row.model + "/" + row.kind
    return ListSpec(
        name=USAGE.name, row=row, fields=usage_fields(row), key=OrderTerm(field=TextField(key), descending=True)
    )


def _usage(row: UsageRow) -> Usage:
    return Usage(
        tenant=row.tenant,
        day=row.day,
        model=row.model,
        kind=UsageKind(row.kind),
        amount=row.amount,
    )
