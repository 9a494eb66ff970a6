"""Tenants and their keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from foreword.client import decode, resources
from foreword.client._async.service import ServiceMethods
from foreword.client.message import build, collected, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError
from foreword.v1 import tenant_pb2, tenant_service_pb2_grpc
from foreword.v1 import tenant_service_pb2 as messages


class TenantMethods(ServiceMethods):
    """Methods of `TenantService`. All except `who_am_i` need the scope `admin`."""

    @cached_property
    def _tenants(self) -> Any:
        return self._connection.stub(tenant_service_pb2_grpc.TenantServiceStub)

    async def who_am_i(self) -> resources.Identity:
        """Return the tenant and the scopes of the client's key.

        Raises:
            UnauthenticatedError: The key is missing, wrong, expired or revoked.
        """
        return decode.identity(await self._connection.unary(self._tenants.WhoAmI, messages.WhoAmIRequest(), safe=True))

    async def create_tenant(self, tenant_id: str, *, display_name: str = "") -> resources.Tenant:
        """Create a tenant with its space `default`.

        Raises:
            AlreadyExistsError: The id is taken.
        """
        request = build(
            messages.CreateTenantRequest,
            tenant=build(tenant_pb2.Tenant, "tenant", display_name=display_name),
            tenant_id=tenant_id,
            request_id=new_request_id(),
        )
        return decode.tenant(await self._connection.unary(self._tenants.CreateTenant, request, safe=True))

    async def list_tenants(
        self, *, filter: str = "", order_by: str = "", limit: int | None = None
    ) -> list[resources.Tenant]:
        """Return the tenants.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `display_name : "acme"`; the
                comment of `ListTenantsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: the id.
            limit: Maximum number to return. Default: all.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListTenantsRequest, filter=filter, order_by=order_by)
        return await self._pages(self._tenants.ListTenants, request, lambda page: page.tenants, decode.tenant, limit)

    async def create_api_key(
        self,
        tenant: Reference,
        *,
        display_name: str = "",
        scopes: Iterable[Scope] | None = None,
        expire_time: datetime | None = None,
    ) -> resources.ApiKey:
        """Create a key. Its `secret` is returned only here.

        The call is never repeated. If its answer is lost, the new key exists: list the keys and delete it.

        Args:
            scopes: Scopes of the key, at least one. Default: write, read and infer.
            expire_time: Time at which the key expires. Default: never.

        Raises:
            InvalidArgumentError: A value is wrong, or `scopes` is an empty list.
            NotFoundError: The tenant does not exist.
        """
        chosen = (
            []
            if scopes is None
            else [enum_name("api_key.scopes", Scope, scope, "SCOPE") for scope in collected("api_key.scopes", scopes)]
        )
        if scopes is not None and not chosen:
            # On the wire an empty list equals an omitted one, and would grant scopes that were not requested.
            raise InvalidArgumentError.of(
                "api_key.scopes", "must not be empty; set at least one, or omit it for write, read and infer"
            )
        key = build(tenant_pb2.ApiKey, "api_key", display_name=display_name, scopes=chosen, expire_time=expire_time)
        request = messages.CreateApiKeyRequest(api_key=key)
        return decode.api_key(
            await self._call(self._tenants.CreateApiKey, request, {"parent": (tenant, "tenants")}, safe=False)
        )

    async def list_api_keys(
        self, tenant: Reference, *, filter: str = "", order_by: str = "", limit: int | None = None
    ) -> list[resources.ApiKey]:
        """Return the keys of a tenant, without secrets.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `scopes : ADMIN`; the
                comment of `ListApiKeysRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: newest first.
            limit: Maximum number to return. Default: all.

        Raises:
            NotFoundError: The tenant does not exist.
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        return await self._pages(
            self._tenants.ListApiKeys,
            build(messages.ListApiKeysRequest, filter=filter, order_by=order_by),
            lambda page: page.api_keys,
            decode.api_key,
            limit,
            {"parent": (tenant, "tenants")},
        )

    async def delete_api_key(self, api_key: Reference) -> None:
        """Revoke a key. Requests with it are refused within a second.

        Raises:
            NotFoundError: The key does not exist.
        """
        references = {"name": (api_key, "apiKeys")}
        await self._call(self._tenants.DeleteApiKey, messages.DeleteApiKeyRequest(), references, gone_is_done=True)
