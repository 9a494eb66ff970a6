"""TenantService: tenants, their API keys and the identity of the caller."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf import empty_pb2

import foreword
from foreword.domain.tenant import Caller, Scope
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.names import ApiKeyName, TenantName
from foreword.server.callers.auth import DEV_TENANT, Authenticator, current_caller, require_administered, scope_missing
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.convert import quota as convert_quota
from foreword.server.convert import tenant as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.convert.timestamps import timestamp
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import fill_page
from foreword.storage.database import Database
from foreword.storage.repositories.child_keys import ChildKeys
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.usage.quotas import QuotaRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import tenant_pb2, tenant_service_pb2, tenant_service_pb2_grpc


class TenantService(tenant_service_pb2_grpc.TenantServiceServicer):
    """The implementation of `foreword.v1.TenantService`."""

    def __init__(self, *, database: Database, storage: TurnPool, authenticator: Authenticator) -> None:
        self._storage = storage
        self._database = database
        self._tenants = TenantRepository(database)
        self._lifecycle = TenantLifecycle(database)
        self._quotas = QuotaRepository(database)
        self._authenticator = authenticator

    async def WhoAmI(
        self, request: tenant_service_pb2.WhoAmIRequest, context: Any
    ) -> tenant_service_pb2.WhoAmIResponse:
        """Return the tenant and the API key of the caller."""
        caller = current_caller()
        owner, key = caller.owner, caller.key
        if owner is None:
            owner = await self._storage.run(caller.tenant, READ_SECONDS, self._tenants.get_tenant, caller.tenant)
        quota = None
        if request.include_quota:
            found = await self._storage.run(caller.tenant, READ_SECONDS, self._quotas.get, caller.tenant)
            quota = convert_quota.quota(found)
        return tenant_service_pb2.WhoAmIResponse(
            tenant=str(TenantName(caller.tenant)),
            api_key="" if key is None else str(ApiKeyName(caller.tenant, key.id)),
            scopes=convert.scopes(caller.scopes),
            server_version=foreword.__version__,
            tenant_display_name=owner.display_name,
            tenant_state=f"STATE_{owner.state.name}",
            api_key_display_name="" if key is None else key.display_name,
            expire_time=timestamp(caller.credential_expire_time),
            subject=caller.api_key if caller.credential_digest else "",
            parent_key="" if key is None else convert.parent_key(key),
            quota=quota,
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

    async def GetTenant(self, request: tenant_service_pb2.GetTenantRequest, context: Any) -> tenant_pb2.Tenant:
        """Return a tenant."""
        name = TenantName.parse(request.name)
        require_administered(name.tenant, request.name)
        return convert.tenant(
            await self._storage.run(current_caller().tenant, READ_SECONDS, self._tenants.get_tenant, name.tenant)
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

    async def UpdateTenant(self, request: tenant_service_pb2.UpdateTenantRequest, context: Any) -> tenant_pb2.Tenant:
        """Change a tenant."""
        change = convert.parse_tenant_change(request)
        key = request_key("UpdateTenant", request)
        return await self._changed(
            change.tenant, self._lifecycle.update, display_name=change.display_name, etag=change.etag, request=key
        )

    async def SuspendTenant(self, request: tenant_service_pb2.SuspendTenantRequest, context: Any) -> tenant_pb2.Tenant:
        """Suspend a tenant."""
        change = convert.parse_state_change(request)
        self._require_other(change.tenant, "suspended")
        return await self._changed(change.tenant, self._lifecycle.suspend, reason=change.reason, etag=change.etag)

    async def ResumeTenant(self, request: tenant_service_pb2.ResumeTenantRequest, context: Any) -> tenant_pb2.Tenant:
        """Resume a suspended tenant."""
        change = convert.parse_state_change(request)
        return await self._changed(change.tenant, self._lifecycle.resume, etag=change.etag)

    async def DeleteTenant(self, request: tenant_service_pb2.DeleteTenantRequest, context: Any) -> tenant_pb2.Tenant:
        """Delete a tenant, which is purged after a grace period."""
        change = convert.parse_state_change(request)
        self._require_other(change.tenant, "deleted")
        return await self._changed(
            change.tenant, self._lifecycle.delete, grace_period=change.grace_period, etag=change.etag
        )

    async def UndeleteTenant(
        self, request: tenant_service_pb2.UndeleteTenantRequest, context: Any
    ) -> tenant_pb2.Tenant:
        """Undo the deletion of a tenant."""
        change = convert.parse_state_change(request)
        return await self._changed(change.tenant, self._lifecycle.undelete, etag=change.etag)

    async def CreateApiKey(self, request: tenant_service_pb2.CreateApiKeyRequest, context: Any) -> tenant_pb2.ApiKey:
        """Create an API key and return its secret, which is never shown again."""
        caller = current_caller()
        parent, new = convert.parse_new_api_key(
            request, await self._storage.run(caller.tenant, READ_SECONDS, self._database.now)
        )
        require_administered(parent.tenant, request.parent)
        for scope in caller.missing_scopes(new.scopes):
            raise scope_missing(scope)
        key, secret = await self._storage.run(
            caller.tenant,
            WRITE_SECONDS,
            self._tenants.create_api_key,
            parent.tenant,
            new.display_name,
            new.scopes,
            _expiry(new.expire_time, caller.credential_expire_time),
        )
        return convert.api_key(key, secret)

    async def CreateChildApiKey(
        self, request: tenant_service_pb2.CreateChildApiKeyRequest, context: Any
    ) -> tenant_pb2.ApiKey:
        """Create a short-lived child of the caller's key and return its secret."""
        caller = current_caller()
        new = convert.parse_new_child_key(
            request, await self._storage.run(caller.tenant, READ_SECONDS, self._database.now)
        )
        if caller.key is None:
            raise FailedPreconditionError(
                "Only a key can have child keys, but not the development key, a token or a certificate. Create a key: "
                "foreword keys create.",
                reason="NO_PARENT_KEY" if caller.credential_digest else "DEVELOPMENT_KEY",
            )
        key, secret, revoked = await self._storage.run(
            caller.tenant,
            WRITE_SECONDS,
            ChildKeys(self._database, caller.tenant, caller.api_key).create,
            display_name=new.display_name,
            scopes=new.scopes,
            expire_time=new.expire_time,
            replace_oldest=request.replace_oldest,
        )
        for id in revoked:
            self._authenticator.forget(id)
        return convert.api_key(key, secret)

    async def ListApiKeys(
        self, request: tenant_service_pb2.ListApiKeysRequest, context: Any
    ) -> tenant_service_pb2.ListApiKeysResponse:
        """List the API keys of a tenant, without secrets."""
        name = TenantName.parse(request.parent, "parent")
        require_administered(name.tenant, request.parent)
        listed = parse_list_request(request)
        return await fill_page(
            self._storage,
            tenant_service_pb2.ListApiKeysResponse(),
            "api_keys",
            lambda take: self._tenants.list_api_keys(name.tenant, listed, take=take),
            convert.api_key,
        )

    async def DeleteApiKey(self, request: tenant_service_pb2.DeleteApiKeyRequest, context: Any) -> empty_pb2.Empty:
        """Revoke an API key and its children."""
        name = ApiKeyName.parse(request.name)
        caller = current_caller()
        if Scope.TENANT_ADMIN in caller.scopes:
            require_administered(name.tenant, request.name)
        if Scope.ADMIN not in caller.scopes:
            await self._require_deletable(caller, name)
        revoked = await self._storage.run(
            caller.tenant, WRITE_SECONDS, self._tenants.delete_api_key, name.tenant, name.api_key
        )
        for id in revoked:
            self._authenticator.forget(id)
        return empty_pb2.Empty()

    async def _changed(self, tenant: str, change: Any, **values: Any) -> tenant_pb2.Tenant:
        """Make a change of a tenant, and return it."""
        changed = await self._storage.run(current_caller().tenant, WRITE_SECONDS, change, tenant, **values)
        self._authenticator.forget_all()
        return convert.tenant(changed)

    async def _require_deletable(self, caller: Caller, name: ApiKeyName) -> None:
        """Check that a caller without the scope `admin` may revoke a key.

        Raises:
            PermissionDeniedError: It is neither the caller's own key nor a child of it, and the caller is no
                administrator of the tenant, or the key is that of a service-wide administrator.
        """
        key = await self._storage.run(caller.tenant, READ_SECONDS, self._tenants.find_api_key, name.api_key)
        if key is not None and caller.api_key and caller.api_key in (key.id, key.parent):
            return
        if Scope.TENANT_ADMIN not in caller.scopes:
            raise scope_missing(Scope.TENANT_ADMIN)
        if key is not None and key.tenant == caller.tenant and Scope.ADMIN in key.scopes:
            raise scope_missing(Scope.ADMIN)

    def _require_other(self, tenant: str, what: str) -> None:
        """Check that the caller does not lock itself out.

        Raises:
            FailedPreconditionError: The tenant is the caller's, or that of the development key.
        """
        if tenant == current_caller().tenant or (tenant == DEV_TENANT and self._authenticator.has_dev_key):
            name = str(TenantName(tenant))
            raise FailedPreconditionError(
                f"{name} cannot be {what} by its own keys. Use an administrator's key of another tenant.",
                reason="OWN_TENANT",
                metadata={"resource": name},
            )


def _expiry(wanted: datetime | None, of_creator: datetime | None) -> datetime | None:
    """Return the expiry time of a new key: nobody creates a key that outlives the credential of its creator.

    Raises:
        InvalidArgumentError: The creator's credential expires earlier.
    """
    if of_creator is None or (wanted is not None and wanted <= of_creator):
        return wanted
    if wanted is not None:
        raise InvalidArgumentError.of(
            "api_key.expire_time",
            f"must not be after the expiry of the credential that creates the key, {of_creator:%Y-%m-%d %H:%M:%S} UTC: "
            "leave it out, or use a key that lasts longer",
        )
    return of_creator
