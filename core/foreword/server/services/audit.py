"""AuditService: the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from foreword.domain.tenant import Scope
from foreword.names import TenantName
from foreword.server.callers.auth import current_caller, require_administered, scope_missing
from foreword.server.convert import audit as convert
from foreword.server.convert.paging import page_size, parse_list_request
from foreword.server.services.responses import fill_page
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import audit_service_pb2, audit_service_pb2_grpc

_ALL_TENANTS: Final = "tenants/-"


class AuditService(audit_service_pb2_grpc.AuditServiceServicer):
    """The implementation of `foreword.v1.AuditService`."""

    def __init__(self, *, database: Database, storage: TurnPool) -> None:
        self._storage = storage
        self._audit_log = AuditLog(database)

    async def ListAuditRecords(
        self, request: audit_service_pb2.ListAuditRecordsRequest, context: Any
    ) -> audit_service_pb2.ListAuditRecordsResponse:
        """List audit records, newest first."""
        shown = _shown(request.parent)
        listed = parse_list_request(request)
        return await fill_page(
            self._storage,
            audit_service_pb2.ListAuditRecordsResponse(),
            "audit_records",
            lambda take: self._audit_log.list(shown.tenant, listed, since_creation=shown.since_creation, take=take),
            convert.audit_record,
        )

    async def ListAuditChains(
        self, request: audit_service_pb2.ListAuditChainsRequest, context: Any
    ) -> audit_service_pb2.ListAuditChainsResponse:
        """List the ends of the chains of records."""
        shown = _shown(request.parent)
        listed = ListRequest(page_size=page_size(request), page_token=request.page_token)
        return await fill_page(
            self._storage,
            audit_service_pb2.ListAuditChainsResponse(),
            "audit_chains",
            lambda take: self._audit_log.list_chains(
                shown.tenant, listed, since_creation=shown.since_creation, take=take
            ),
            convert.audit_chain,
        )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a caller may see.

    Attributes:
        tenant: The tenant; None for all tenants.
        since_creation: Whether the records of an earlier tenant with its id are left out.
    """

    tenant: str | None
    since_creation: bool


def _shown(parent: str) -> _Shown:
    """Return what a request for the records of a parent may see.

    Raises:
        NotFoundError: The parent is another tenant, and the caller is no administrator of the service.
        PermissionDeniedError: The parent is all tenants, likewise.
    """
    caller = current_caller()
    is_service_wide = Scope.ADMIN in caller.scopes
    if parent == _ALL_TENANTS:
        if not is_service_wide:
            raise scope_missing(Scope.ADMIN)
        return _Shown(tenant=None, since_creation=False)
    tenant = TenantName.parse(parent, "parent").tenant if parent else caller.tenant
    require_administered(tenant, parent)
    return _Shown(tenant=tenant, since_creation=not is_service_wide)
