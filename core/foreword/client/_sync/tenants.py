# Generated from `_async/tenants.py` by `unasync.py`. Change that file, then run: make client

"""Tenants and their keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from google.protobuf import field_mask_pb2

from foreword.client import decode, resources
from foreword.client._sync.service import ServiceMethods
from foreword.client.listed import Listed
from foreword.client.message import build, collected, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError
from foreword.v1 import tenant_pb2, tenant_service_pb2_grpc
from foreword.v1 import tenant_service_pb2 as messages


class TenantMethods(ServiceMethods):
    """Methods of `TenantService`.

    Any key may call `who_am_i` and `create_child_api_key`, and delete itself and its children. The scope `tenant_admin`
    allows `get_tenant` and the methods about keys in the key's own tenant. All else needs the scope `admin`.
    """

    @cached_property
    def _tenants(self) -> Any:
        return self._connection.stub(tenant_service_pb2_grpc.TenantServiceStub)

    def who_am_i(self, *, with_quota: bool = False) -> resources.Identity:
        """Return the tenant and the key of the client.

        Args:
            with_quota: Whether to return the quotas of the tenant and what it uses of them, too.

        Raises:
            UnauthenticatedError: The key is missing, wrong, expired or revoked.
        """
        request = messages.WhoAmIRequest(include_quota=with_quota)
        return decode.identity(self._connection.unary(self._tenants.WhoAmI, request, safe=True))

    def create_tenant(self, tenant_id: str, *, display_name: str = "") -> resources.Tenant:
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
        return decode.tenant(self._connection.unary(self._tenants.CreateTenant, request, safe=True))

    def get_tenant(self, tenant: Reference) -> resources.Tenant:
        """Return a tenant.

        Raises:
            NotFoundError: The tenant does not exist.
        """
        return self._change_tenant(self._tenants.GetTenant, messages.GetTenantRequest(), tenant)

    def list_tenants(
        self, *, filter: str = "", order_by: str = "", limit: int | None = None, page_token: str = ""
    ) -> Listed[resources.Tenant]:
        """Return the tenants.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `display_name : "acme"`; the
                comment of `ListTenantsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: the id.
            limit: Maximum number to return. Default: all.
            page_token: `next_page_token` of the list that these items follow. Default: the beginning.

        Raises:
            InvalidArgumentError: The filter, the order or the token is invalid. The error names the fields.
        """
        request = build(messages.ListTenantsRequest, filter=filter, order_by=order_by, page_token=page_token)
        return self._pages(self._tenants.ListTenants, request, lambda page: page.tenants, decode.tenant, limit)

    def update_tenant(self, tenant: Reference, *, display_name: str | None = None, etag: str = "") -> resources.Tenant:
        """Change a tenant.

        Args:
            etag: Etag of the tenant as it was read; the update is refused if it is outdated. Default: no check.

        Raises:
            NotFoundError: The tenant does not exist.
            AbortedError: The tenant has changed since its etag was read.
        """
        given = {} if display_name is None else {"display_name": display_name}
        request = messages.UpdateTenantRequest(
            tenant=build(tenant_pb2.Tenant, "tenant", etag=etag, **given),
            update_mask=field_mask_pb2.FieldMask(paths=list(given)),
            request_id=new_request_id(),
        )
        return self._change_tenant(self._tenants.UpdateTenant, request, tenant, field="tenant.name")

    def suspend_tenant(self, tenant: Reference, *, reason: str = "", etag: str = "") -> resources.Tenant:
        """Suspend a tenant: calls of its keys are refused within a second, and its jobs and webhooks pause.

        Args:
            reason: Why, for the errors that its callers get. Default: no reason.
            etag: Etag that the tenant must have. Default: no check.

        Raises:
            NotFoundError: The tenant does not exist.
            FailedPreconditionError: It is the caller's own tenant, or it is being deleted.
            AbortedError: The tenant has changed since its etag was read.
        """
        request = build(messages.SuspendTenantRequest, reason=reason, etag=etag)
        return self._change_tenant(self._tenants.SuspendTenant, request, tenant)

    def resume_tenant(self, tenant: Reference, *, etag: str = "") -> resources.Tenant:
        """Resume a suspended tenant, whose jobs and webhooks then go on.

        Args:
            etag: Etag that the tenant must have. Default: no check.

        Raises:
            NotFoundError: The tenant does not exist.
            FailedPreconditionError: It is being deleted.
            AbortedError: The tenant has changed since its etag was read.
        """
        request = build(messages.ResumeTenantRequest, etag=etag)
        return self._change_tenant(self._tenants.ResumeTenant, request, tenant)

    def delete_tenant(
        self, tenant: Reference, *, grace_period: timedelta | None = None, etag: str = ""
    ) -> resources.Tenant:
        """Delete a tenant. Its calls are refused at once; after the grace period, everything that it owns is deleted.

        Args:
            grace_period: Time for which the deletion can be undone, at most 365 days. Default: 7 days, or the remaining
                time if the tenant is being deleted already.
            etag: Etag that the tenant must have. Default: no check.

        Raises:
            NotFoundError: The tenant does not exist.
            FailedPreconditionError: It is the caller's own tenant.
            AbortedError: The tenant has changed since its etag was read.
        """
        request = build(messages.DeleteTenantRequest, grace_period=grace_period, etag=etag)
        return self._change_tenant(self._tenants.DeleteTenant, request, tenant)

    def undelete_tenant(self, tenant: Reference, *, etag: str = "") -> resources.Tenant:
        """Undo the deletion of a tenant during its grace period.

        Args:
            etag: Etag that the tenant must have. Default: no check.

        Raises:
            NotFoundError: The tenant does not exist.
            FailedPreconditionError: The grace period is over.
            AbortedError: The tenant has changed since its etag was read.
        """
        request = build(messages.UndeleteTenantRequest, etag=etag)
        return self._change_tenant(self._tenants.UndeleteTenant, request, tenant)

    def create_api_key(
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
            expire_time: Time at which the key expires, not after the credential of this client. Default: with that
                credential, or never if it does not expire.

        Raises:
            InvalidArgumentError: A value is wrong, or `scopes` is an empty list.
            NotFoundError: The tenant does not exist.
        """
        key = _new_key(display_name, scopes, expire_time, "write, read and infer")
        request = messages.CreateApiKeyRequest(api_key=key)
        return decode.api_key(
            self._call(self._tenants.CreateApiKey, request, {"parent": (tenant, "tenants")}, safe=False)
        )

    def create_child_api_key(
        self,
        *,
        display_name: str = "",
        scopes: Iterable[Scope] | None = None,
        expire_time: datetime | None = None,
        replace_oldest: bool = False,
    ) -> resources.ApiKey:
        """Create a short-lived key that is revoked with the client's own key. Its `secret` is returned only here.

        The call is never repeated. If its answer is lost, the new key exists until it expires.

        Args:
            scopes: Some of the scopes write, read and infer that the client's key has. Default: all of them.
            expire_time: Time at which the key expires, at most 24 hours ahead. Default: in an hour, but not after the
                client's key.
            replace_oldest: Whether the oldest of 100 child keys is revoked, so that there is room for this one.

        Raises:
            InvalidArgumentError: A value is wrong, or `scopes` is an empty list.
            PermissionDeniedError: The client's key lacks a scope.
            FailedPreconditionError: The client's key is a child key itself, or the development key.
            ExhaustedError: The client's key has 100 child keys.
        """
        key = _new_key(display_name, scopes, expire_time, "all that the client's key can give")
        request = messages.CreateChildApiKeyRequest(api_key=key, replace_oldest=replace_oldest)
        return decode.api_key(self._connection.unary(self._tenants.CreateChildApiKey, request, safe=False))

    def list_api_keys(
        self, tenant: Reference, *, filter: str = "", order_by: str = "", limit: int | None = None, page_token: str = ""
    ) -> Listed[resources.ApiKey]:
        """Return the keys of a tenant, without secrets.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `scopes : ADMIN`; the
                comment of `ListApiKeysRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: newest first.
            limit: Maximum number to return. Default: all.
            page_token: `next_page_token` of the list that these items follow. Default: the beginning.

        Raises:
            NotFoundError: The tenant does not exist.
            InvalidArgumentError: The filter, the order or the token is invalid. The error names the fields.
        """
        return self._pages(
            self._tenants.ListApiKeys,
            build(messages.ListApiKeysRequest, filter=filter, order_by=order_by, page_token=page_token),
            lambda page: page.api_keys,
            decode.api_key,
            limit,
            {"parent": (tenant, "tenants")},
        )

    def delete_api_key(self, api_key: Reference) -> None:
        """Revoke a key and its children. Requests with them are refused within a second, and open streams end.

        Raises:
            NotFoundError: The key does not exist.
        """
        references = {"name": (api_key, "apiKeys")}
        self._call(self._tenants.DeleteApiKey, messages.DeleteApiKeyRequest(), references, gone_is_done=True)

    def _change_tenant(self, method: Any, request: Any, tenant: Reference, field: str = "name") -> resources.Tenant:
        """Send a request about a tenant, and return the tenant."""
        return decode.tenant(self._call(method, request, {field: (tenant, "tenants")}))


def _new_key(
    display_name: str, scopes: Iterable[Scope] | None, expire_time: datetime | None, default: str
) -> tenant_pb2.ApiKey:
    """Return the message of a key to create.

    Args:
        default: The scopes of a key that is created without scopes.
    """
    chosen = (
        []
        if scopes is None
        else [enum_name("api_key.scopes", Scope, scope, "SCOPE") for scope in collected("api_key.scopes", scopes)]
    )
    if scopes is not None and not chosen:
        # On the wire an empty list equals an omitted one, and would grant scopes that were not requested.
        raise InvalidArgumentError.of(
            "api_key.scopes", f"must not be empty; set at least one, or omit it for {default}"
        )
    return build(tenant_pb2.ApiKey, "api_key", display_name=display_name, scopes=chosen, expire_time=expire_time)
