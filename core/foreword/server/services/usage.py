"""UsageService: what tenants may use, and what they have used."""

from __future__ import annotations

import contextlib
from typing import Any

from foreword.domain.tenant import Scope
from foreword.errors import NotFoundError, UnavailableError
from foreword.names import QuotaName, TenantName
from foreword.server.callers.auth import current_caller
from foreword.server.callers.rate_quotas import RateQuotas
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.convert import quota as convert_quota
from foreword.server.convert import usage as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import fill_page
from foreword.server.usage.meter import UsageMeter
from foreword.storage.database import Database
from foreword.storage.usage.quotas import QuotaRepository
from foreword.storage.usage.repository import UsageRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import quota_pb2, usage_service_pb2, usage_service_pb2_grpc


class UsageService(usage_service_pb2_grpc.UsageServiceServicer):
    """The implementation of `foreword.v1.UsageService`."""

    def __init__(self, *, database: Database, storage: TurnPool, rates: RateQuotas, meter: UsageMeter) -> None:
        self._database = database
        self._quotas = QuotaRepository(database)
        self._storage = storage
        self._rates = rates
        self._meter = meter

    async def GetQuota(self, request: usage_service_pb2.GetQuotaRequest, context: Any) -> quota_pb2.Quota:
        """Return the quotas of a tenant and what it uses of them."""
        caller = current_caller()
        tenant = QuotaName.parse(request.name).tenant if request.name else caller.tenant
        _require_visible(tenant, str(QuotaName(tenant)))
        found = await self._storage.run(caller.tenant, READ_SECONDS, self._quotas.get, tenant)
        return convert_quota.quota(found)

    async def UpdateQuota(self, request: usage_service_pb2.UpdateQuotaRequest, context: Any) -> quota_pb2.Quota:
        """Set quotas of a tenant."""
        change = convert_quota.parse_quota_change(request)
        updated = await self._storage.run(
            current_caller().tenant,
            WRITE_SECONDS,
            self._quotas.update,
            change.tenant,
            change.changes,
            etag=change.etag,
            request=request_key("UpdateQuota", request),
        )
        self._rates.forget(change.tenant)
        return convert_quota.quota(updated)

    async def ListUsage(
        self, request: usage_service_pb2.ListUsageRequest, context: Any
    ) -> usage_service_pb2.ListUsageResponse:
        """List what a tenant, or each of them, has used."""
        tenant: str | None = None
        if request.parent != convert.ALL_TENANTS:
            tenant = TenantName.parse(request.parent, "parent").tenant if request.parent else current_caller().tenant
        _require_visible(tenant, request.parent)
        listed, groups = parse_list_request(request), convert.parse_groups(request)
        if not request.page_token:
            with contextlib.suppress(UnavailableError):  # the list itself finds out
                await self._meter.settle()
        usage = UsageRepository(self._database, tenant)
        return await fill_page(
            self._storage,
            usage_service_pb2.ListUsageResponse(),
            "usage",
            lambda take: usage.list(listed, group_by=groups, take=take),
            convert.usage,
        )


def _require_visible(tenant: str | None, name: str) -> None:
    """Raise the error for a missing tenant if the caller may not see it.

    Args:
        tenant: A tenant; None for all of them.
        name: What was asked for.

    Raises:
        NotFoundError: It is another one, and the caller's key lacks the scope `admin`.
    """
    caller = current_caller()
    if tenant != caller.tenant and Scope.ADMIN not in caller.scopes:
        raise NotFoundError.of(name)
