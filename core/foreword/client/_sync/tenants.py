# Generated out of `_async/tenants.py` by `unasync.py`. Change that file, then run: make client

"""Tenants and their keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from foreword.client import decode, resources
from foreword.client._sync.service import ServiceMethods
from foreword.client.message import build, collected, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError
from foreword.v1 import tenant_pb2, tenant_service_pb2_grpc
from foreword.v1 import tenant_service_pb2 as messages


class TenantMethods(ServiceMethods):
    """Methods of `TenantService`; all but `who_am_i` need the scope `admin`."""

    @cached_property
    def _tenants(self) -> Any:
        return self._connection.stub(tenant_service_pb2_grpc.TenantServiceStub)

    def who_am_i(self) -> resources.Identity:
        """Whom the key speaks for.

        Raises:
            UnauthenticatedError: There is no key, or a wrong, expired or revoked one.
        """
        return decode.identity(self._connection.unary(self._tenants.WhoAmI, messages.WhoAmIRequest(), safe=True))

    def create_tenant(self, tenant_id: str, *, display_name: str = "") -> resources.Tenant:
        """Creates a tenant with its space `default`.

        Raises:
            AlreadyExistsError: The id is taken.
        """
        request = build(
            messages.CreateTenantRequest,
            tenant=build(tenant_pb2.Tenant, "tenant", display_name=display_name),
            tenant_id=tenant_id,
            request_id=new_request_id(),
        )
        return decode.tenant(self._connection.unary(self._tenants.CreateTenant, request, safe=True))

    def list_tenants(self, *, limit: int | None = None) -> list[resources.Tenant]:
        """Tenants, by id."""
        request = messages.ListTenantsRequest()
        return self._pages(self._tenants.ListTenants, request, lambda page: page.tenants, decode.tenant, limit)

    def create_api_key(
        self,
        tenant: Reference,
        *,
        display_name: str = "",
        scopes: Iterable[Scope] | None = None,
        expire_time: datetime | None = None,
    ) -> resources.ApiKey:
        """Creates a key; its `secret` is told this once. Never repeated: a lost answer leaves a key to delete.

        Args:
            scopes: At least one. Default: write, read and infer.
            expire_time: Default: never.

        Raises:
            InvalidArgumentError: A value is wrong, or `scopes` is an empty list.
            NotFoundError: No such tenant.
        """
        chosen = (
            []
            if scopes is None
            else [enum_name("api_key.scopes", Scope, scope, "SCOPE") for scope in collected("api_key.scopes", scopes)]
        )
        if scopes is not None and not chosen:
            # On the wire an empty list is one that was left out, and would grant what was not asked for.
            raise InvalidArgumentError.of(
                "api_key.scopes", "is empty; name at least one, or leave it out for write, read and infer"
            )
        key = build(tenant_pb2.ApiKey, "api_key", display_name=display_name, scopes=chosen, expire_time=expire_time)
        request = messages.CreateApiKeyRequest(api_key=key)
        return decode.api_key(
            self._call(self._tenants.CreateApiKey, request, {"parent": (tenant, "tenants")}, safe=False)
        )

    def list_api_keys(self, tenant: Reference, *, limit: int | None = None) -> list[resources.ApiKey]:
        """Keys of a tenant, newest first, without secrets.

        Raises:
            NotFoundError: No such tenant.
        """
        return self._pages(
            self._tenants.ListApiKeys,
            messages.ListApiKeysRequest(),
            lambda page: page.api_keys,
            decode.api_key,
            limit,
            {"parent": (tenant, "tenants")},
        )

    def delete_api_key(self, api_key: Reference) -> None:
        """Revokes a key; requests with it are refused within a second.

        Raises:
            NotFoundError: No such key.
        """
        references = {"name": (api_key, "apiKeys")}
        self._call(self._tenants.DeleteApiKey, messages.DeleteApiKeyRequest(), references, gone_is_done=True)
