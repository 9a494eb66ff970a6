"""TenantService: tenants, their API keys and the identity of the caller."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2

import foreword
from foreword.names import ApiKeyName, TenantName
from foreword.server.callers.auth import Authenticator, current_caller
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.convert import tenant as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import fill_page
from foreword.storage.database import Database
from foreword.storage.repositories.tenants import TenantRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import tenant_pb2, tenant_service_pb2, tenant_service_pb2_grpc


class TenantService(tenant_service_pb2_grpc.TenantServiceServicer):
    """The implementation of `foreword.v1.TenantService`."""

    def __init__(self, *, database: Database, storage: TurnPool, authenticator: Authenticator) -> None:
        self._storage = storage
        self._database = database
        self._tenants = TenantRepository(database)
        self._authenticator = authenticator

    async def WhoAmI(
        self, request: tenant_service_pb2.WhoAmIRequest, context: Any
    ) -> tenant_service_pb2.WhoAmIResponse:
        """Return the tenant and the scopes of the API key."""
        caller = current_caller()
        return tenant_service_pb2.WhoAmIResponse(
            tenant=str(TenantName(caller.tenant)),
            api_key=str(ApiKeyName(caller.tenant, caller.api_key)) if caller.api_key else "",
            scopes=convert.scopes(caller.scopes),
            server_version=foreword.__version__,
        )

    async def CreateTenant(self, request: tenant_service_pb2.CreateTenantRequest, context: Any) -> tenant_pb2.Tenant:
        """Create a tenant with its space `default`."""
        new = convert.parse_new_tenant(request)
        key = request_key("CreateTenant", request)
        return convert.tenant(
            await self._storage.run(
                current_caller().tenant, WRITE_SECONDS, self._tenants.create_tenant, new.id, new.display_name, key
            )
        )

    async def ListTenants(
        self, request: tenant_service_pb2.ListTenantsRequest, context: Any
    ) -> tenant_service_pb2.ListTenantsResponse:
        """List tenants, ordered by id."""
        listed = parse_list_request(request)
        return await fill_page(
            self._storage,
            tenant_service_pb2.ListTenantsResponse(),
            "tenants",
            lambda take: self._tenants.list_tenants(listed, take=take),
            convert.tenant,
        )

    async def CreateApiKey(self, request: tenant_service_pb2.CreateApiKeyRequest, context: Any) -> tenant_pb2.ApiKey:
        """Create an API key and return its secret, which is never shown again."""
        new = convert.parse_new_api_key(
            request, await self._storage.run(current_caller().tenant, READ_SECONDS, self._database.now)
        )
        key, secret = await self._storage.run(
            current_caller().tenant,
            WRITE_SECONDS,
            self._tenants.create_api_key,
            new.tenant,
            new.display_name,
            new.scopes,
            new.expire_time,
        )
        return convert.api_key(key, secret)

    async def ListApiKeys(
        self, request: tenant_service_pb2.ListApiKeysRequest, context: Any
    ) -> tenant_service_pb2.ListApiKeysResponse:
        """List the API keys of a tenant, without secrets."""
        name = TenantName.parse(request.parent, "parent")
        listed = parse_list_request(request)
        return await fill_page(
            self._storage,
            tenant_service_pb2.ListApiKeysResponse(),
            "api_keys",
            lambda take: self._tenants.list_api_keys(name.tenant, listed, take=take),
            convert.api_key,
        )

    async def DeleteApiKey(self, request: tenant_service_pb2.DeleteApiKeyRequest, context: Any) -> empty_pb2.Empty:
        """Revoke an API key."""
        name = ApiKeyName.parse(request.name)
        await self._storage.run(
            current_caller().tenant, WRITE_SECONDS, self._tenants.delete_api_key, name.tenant, name.api_key
        )
        self._authenticator.forget(name.api_key)
        return empty_pb2.Empty()
