"""The audit log."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from foreword.client import decode_audit as decode
from foreword.client._async.service import References, ServiceMethods
from foreword.client.message import build
from foreword.client.reference import Reference
from foreword.domain.audit import AuditChain, AuditRecord, ChainChecker
from foreword.errors import FailedPreconditionError
from foreword.v1 import audit_service_pb2 as messages
from foreword.v1 import audit_service_pb2_grpc

ALL_TENANTS: Final = "tenants/-"
"""In place of a tenant, all tenants and the records that belong to none."""

_PAGE: Final = 1000


class AuditMethods(ServiceMethods):
    """Methods of `AuditService`. All need the scope `tenant_admin`, or `admin` for other tenants."""

    @cached_property
    def _audit(self) -> Any:
        return self._connection.stub(audit_service_pb2_grpc.AuditServiceStub)

    async def list_audit_records(
        self, tenant: Reference | None = None, *, filter: str = "", order_by: str = "", limit: int | None = None
    ) -> list[AuditRecord]:
        """Return audit records.

        Args:
            tenant: Tenant of the records; `tenants/-` for those of all tenants and those that belong to none. Default:
                the caller's own tenant.
            filter: Condition in the grammar of https://google.aip.dev/160, such as `actor = 0123456789abcdef`; the
                comment of `ListAuditRecordsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `sequence`. Default: newest first.
            limit: Maximum number to return. Default: all.

        Raises:
            NotFoundError: There is neither the tenant nor a record of it.
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListAuditRecordsRequest, filter=filter, order_by=order_by)
        return await self._pages(
            self._audit.ListAuditRecords,
            request,
            lambda page: page.audit_records,
            decode.audit_record,
            limit,
            _of_tenant(request, tenant),
        )

    async def list_audit_chains(self, tenant: Reference | None = None) -> list[AuditChain]:
        """Return the ends of the chains of audit records, ordered by tenant.

        Args:
            tenant: As in `list_audit_records`.

        Raises:
            NotFoundError: There is neither the tenant nor a record of it.
        """
        request = messages.ListAuditChainsRequest()
        return await self._pages(
            self._audit.ListAuditChains,
            request,
            lambda page: page.audit_chains,
            decode.audit_chain,
            None,
            _of_tenant(request, tenant),
        )

    async def check_audit_chain(self, chain: AuditChain, head: tuple[int, str] | None = None) -> str:
        """Read all records of a chain, and return what is wrong with them; empty if none is missing or altered.

        Args:
            chain: From `list_audit_chains`.
            head: `last_sequence` and `last_hash` of the chain as they were earlier, kept where nobody who can change
                the database can change them. Default: none; a chain that was replaced as a whole is then not noticed.

        Raises:
            FailedPreconditionError: The retention has deleted the record of the head.
        """
        if head is not None and head[0] < chain.anchor_sequence:
            raise FailedPreconditionError(
                f"Record {head[0]} has been deleted since by the retention, up to record {chain.anchor_sequence}. "
                "Compare with a newer head.",
                reason="AUDIT_HEAD_EXPIRED",
            )
        checker = ChainChecker(chain, head)
        fault = checker.start()
        parent = f"tenants/{chain.tenant}" if chain.tenant else ALL_TENANTS
        while not fault and checker.sequence < chain.last_sequence:
            condition = f'tenant = "{chain.tenant}" AND sequence > {checker.sequence}'
            records = await self.list_audit_records(parent, filter=condition, order_by="sequence", limit=_PAGE)
            fault = next((fault for fault in map(checker.add, records) if fault), "")
            if not records:
                break
        fault = fault or checker.end()
        if fault:
            current = next(
                (item for item in await self.list_audit_chains(parent) if item.tenant == chain.tenant), chain
            )
            if current.anchor_sequence > chain.anchor_sequence:  # the retention has deleted records in the meantime
                return await self.check_audit_chain(current, head)
        return fault


def _of_tenant(request: Any, tenant: Reference | None) -> References:
    """Set the parent of a request if it means all tenants; otherwise return the reference to its tenant."""
    if tenant is None:
        return {}
    if tenant == ALL_TENANTS:
        request.parent = ALL_TENANTS
        return {}
    return {"parent": (tenant, "tenants")}
