"""What the methods of all services share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

from foreword.client._async.connection import Connection
from foreword.client.reference import Reference, reference_name
from foreword.v1 import tenant_service_pb2, tenant_service_pb2_grpc

Item = TypeVar("Item")


class ServiceMethods:
    """Base of the method groups: a connection, names and pages."""

    _connection: Connection
    _tenant = ""

    @property
    async def tenant(self) -> str:
        """Resource name of the tenant that the key speaks for, `tenants/{tenant}`."""
        if not self._tenant:
            stub = self._connection.stub(tenant_service_pb2_grpc.TenantServiceStub)
            answer = await self._connection.unary(stub.WhoAmI, tenant_service_pb2.WhoAmIRequest(), safe=True)
            self._tenant = answer.tenant
        return self._tenant

    async def _name(self, resource: Reference, collection: str) -> str:
        """The full name of a resource: `collection` is what stands between tenant and id, such as `datasets`.

        Raises:
            InvalidArgumentError: It is empty, or no name at all.
        """
        name = reference_name(resource, collection.rsplit("/", 1)[-1])
        return name if "/" in name else f"{await self.tenant}/{collection}/{name}"

    async def _pages(
        self, method: Any, request: Any, items: Callable[[Any], Any], decode: Callable[[Any], Item], limit: int | None
    ) -> list[Item]:
        """All results of a list method, or the first `limit`."""
        found: list[Item] = []
        async for message in self._messages(method, request, items, limit):
            if limit is not None and len(found) >= limit:
                break
            found.append(decode(message))
        return found

    async def _messages(
        self, method: Any, request: Any, items: Callable[[Any], Any], limit: int | None
    ) -> AsyncGenerator[Any]:
        request.page_size = min(limit, 1000) if limit else 1000
        while limit != 0:
            page = await self._connection.unary(method, request, safe=True)
            for item in items(page):
                yield item
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
