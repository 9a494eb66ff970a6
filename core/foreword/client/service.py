"""What the methods of all services share."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Protocol, TypeVar

from foreword.client.connection import Connection
from foreword.client.message import text_problem
from foreword.errors import InvalidArgumentError
from foreword.v1 import tenant_service_pb2, tenant_service_pb2_grpc

Item = TypeVar("Item")


class Named(Protocol):
    """A resource."""

    @property
    def name(self) -> str:
        """Its resource name."""


Reference = str | Named
"""A resource, its name, or the last part of its name."""


class ServiceMethods:
    """Base of the method groups: a connection, names and pages."""

    _connection: Connection

    @cached_property
    def tenant(self) -> str:
        """Resource name of the tenant that the key speaks for, `tenants/{tenant}`."""
        stub = self._connection.stub(tenant_service_pb2_grpc.TenantServiceStub)
        name: str = self._connection.unary(stub.WhoAmI, tenant_service_pb2.WhoAmIRequest(), safe=True).tenant
        return name

    def _name(self, resource: Reference, collection: str) -> str:
        """The full name of a resource: `collection` is what stands between tenant and id, such as `datasets`.

        Raises:
            InvalidArgumentError: It is empty, or no name at all.
        """
        name = reference_name(resource, collection.rsplit("/", 1)[-1])
        return name if "/" in name else f"{self.tenant}/{collection}/{name}"

    def _pages(
        self, method: Any, request: Any, items: Callable[[Any], Any], decode: Callable[[Any], Item], limit: int | None
    ) -> list[Item]:
        """All results of a list method, or the first `limit`."""
        found: list[Item] = []
        for message in self._messages(method, request, items, limit):
            if limit is not None and len(found) >= limit:
                break
            found.append(decode(message))
        return found

    def _messages(self, method: Any, request: Any, items: Callable[[Any], Any], limit: int | None) -> Iterator[Any]:
        request.page_size = min(limit, 1000) if limit else 1000
        while limit != 0:
            page = self._connection.unary(method, request, safe=True)
            yield from items(page)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def reference_name(resource: Reference, collection: str) -> str:
    """The name that a caller gave, in full or only its last part.

    Raises:
        InvalidArgumentError: It is empty, or no name at all.
    """
    name = resource if isinstance(resource, str) else getattr(resource, "name", None)
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", collection).lower().removesuffix("s")
    field = kind.replace(" ", "_")
    if not isinstance(name, str):
        raise InvalidArgumentError.of(field, f"must be a {kind} or its name, not a {type(resource).__name__}")
    if not name.strip():
        raise InvalidArgumentError.of(field, f"is empty; name a {kind}")
    if problem := text_problem(name):
        raise InvalidArgumentError.of(field, problem)
    return name


def new_request_id() -> str:
    """An id that makes one mutation idempotent, however often it is sent."""
    return uuid.uuid4().hex
