"""The quotas of tenants, for administrators and for the tenants themselves."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword.domain.job import JobState
from foreword.domain.quota import UNLIMITED, QuotaKind, Quotas, TenantQuota
from foreword.domain.usage import UsageKind
from foreword.errors import AbortedError
from foreword.names import QuotaName
from foreword.storage.database import Database
from foreword.storage.etags import resource_etag
from foreword.storage.jobs.turns import count_running
from foreword.storage.quotas.checks import count_deployments, stored_bytes, stored_rows
from foreword.storage.quotas.limits import limits_of
from foreword.storage.quotas.sums import used_this_month
from foreword.storage.repositories.requests import RequestKey, find_replay, remember
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import JobRow, QuotaRow, TenantRow

# Administrators set quotas, so these request ids belong to no tenant.
_NO_TENANT = ""


class QuotaRepository:
    """The quotas of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def defaults(self) -> Quotas:
        """The quotas of tenants that have none of their own."""
        return self._database.default_quotas

    def limits(self, tenant: str) -> Quotas:
        """Return the quotas in force for a tenant, which may not exist."""
        with self._database.read() as session:
            return limits_of(session, tenant)

    def get(self, tenant: str) -> TenantQuota:
        """Return the quotas of a tenant and what it uses of them.

        Raises:
            NotFoundError: The tenant does not exist.
        """
        with self._database.read() as session:
            require_tenant(session, tenant)
            return self._quota(session, tenant)

    def update(
        self,
        tenant: str,
        changes: Mapping[QuotaKind, float | None],
        *,
        etag: str = "",
        request: RequestKey | None = None,
    ) -> TenantQuota:
        """Set quotas of a tenant.

        Args:
            changes: The new values; None for the default of the service.
            etag: Etag that the caller has read; if empty, it is not checked.

        Raises:
            NotFoundError: The tenant does not exist.
            AbortedError: The quotas have changed since the etag was read.
            AlreadyExistsError: The request id was already used with other content.
        """
        with self._database.write_tenant(tenant) as session:
            require_tenant(session, tenant)
            if find_replay(session, _NO_TENANT, request) is not None:
                return self._quota(session, tenant)
            row = session.get(QuotaRow, tenant)
            if etag and etag != _etag(session, tenant, row):
                name = str(QuotaName(tenant))
                raise AbortedError(
                    f"{name} has changed. Read it again and repeat the update.", metadata={"resource": name}
                )
            now = self._database.clock(session)
            if row is None:
                row = QuotaRow(tenant=tenant, limits={}, change_count=0, update_time=now)
                session.add(row)
            limits = {**row.limits, **{kind.value: value for kind, value in changes.items()}}
            row.limits = {name: value for name, value in limits.items() if value is not None}
            row.change_count += 1
            row.update_time = now
            remember(session, _NO_TENANT, request, tenant, now)
            session.flush()
            return self._quota(session, tenant)

    def _quota(self, session: Session, tenant: str) -> TenantQuota:
        row = session.get(QuotaRow, tenant)
        return TenantQuota(
            tenant=tenant,
            own=UNLIMITED if row is None else Quotas(**row.limits),
            limits=limits_of(session, tenant),
            used=self._used(session, tenant),
            etag=_etag(session, tenant, row),
            update_time=None if row is None else row.update_time,
        )

    def _used(self, session: Session, tenant: str) -> Mapping[QuotaKind, float]:
        now = self._database.clock(session)
        queued = session.scalars(
            select(func.count())
            .where(JobRow.tenant == tenant, JobRow.state == JobState.QUEUED.value)
            .group_by(JobRow.kind)
        )
        return {
            QuotaKind.QUEUED_JOBS: max(queued, default=0),
            QuotaKind.RUNNING_JOBS: count_running(session, [tenant], now).get(tenant, 0),
            QuotaKind.DATASET_ROWS: stored_rows(session, tenant),
            QuotaKind.STORED_BYTES: stored_bytes(session, tenant),
            QuotaKind.DEPLOYMENTS: count_deployments(session, tenant),
            QuotaKind.CAPACITY_UNIT_HOURS_PER_MONTH: used_this_month(
                session, tenant, UsageKind.CAPACITY_UNIT_HOURS, now
            ),
        }


def _etag(session: Session, tenant: str, row: QuotaRow | None) -> str:
    owner = session.get_one(TenantRow, tenant)
    return resource_etag(owner.create_time, 0 if row is None else row.change_count)
