# Generated from `_async/service.py` by `unasync.py`. Change that file, then run: make client

"""The base of the method groups of all services."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from foreword.client._sync.connection import Connection
from foreword.client.listed import Listed
from foreword.client.message import set_field
from foreword.client.reference import (
    Reference,
    is_full_name,
    may_be_id,
    name_by_display_name,
    near_name,
    noun,
    reference_name,
)
from foreword.errors import NotFoundError, PermissionDeniedError
from foreword.v1 import tenant_service_pb2, tenant_service_pb2_grpc

Answer = TypeVar("Answer")
Item = TypeVar("Item")

References = Mapping[str, tuple[Reference, str]]
"""Fields of a request that contain resource names, each with the caller's reference and its collection."""

_LISTS = {
    "apiKeys": ("list_api_keys", "foreword keys list"),
    "batchJobs": ("list_batch_jobs", "foreword batches list"),
    "datasets": ("list_datasets", "foreword datasets list"),
    "evaluations": ("list_evaluations", "foreword evaluations list"),
    "models": ("list_tuned_models", "foreword models list"),
    "savedPrompts": ("list_saved_prompts", "foreword prompts list"),
    "spaces": ("list_spaces", "foreword spaces list"),
    "spaces/default/deployments": ("list_deployments", "foreword deployments list"),
    "tenants": ("list_tenants", "foreword tenants list"),
    "tuneExperiments": ("list_tune_experiments", "foreword experiments list"),
    "tuneSweeps": ("list_tune_sweeps", "foreword sweeps list"),
    "tunedModels": ("list_tuned_models", "foreword models list"),
    "webhooks": ("list_webhooks", "foreword webhooks list"),
}
"""The client's method and the command that list each collection.

`models` are all that a request can name as its model: the service finds serving names and base models, the client finds
tuned models by their id or display name.
"""


class ServiceMethods:
    """The base of the method groups: a connection, name resolution and paging."""

    _connection: Connection
    _tenant = ""

    @property
    def tenant(self) -> str:
        """Resource name of the key's tenant, `tenants/{tenant}`."""
        if not self._tenant:
            stub = self._connection.stub(tenant_service_pb2_grpc.TenantServiceStub)
            answer = self._connection.unary(stub.WhoAmI, tenant_service_pb2.WhoAmIRequest(), safe=True)
            self._tenant = answer.tenant
        return self._tenant

    def _name(self, resource: Reference, collection: str) -> str:
        """Return the full name of a resource. A text that may be an id is assumed to be one, which costs no call.

        Args:
            collection: The part of the name between tenant and id, such as `datasets`.

        Raises:
            InvalidArgumentError: The reference is empty, not a name, or a display name that several resources have.
            NotFoundError: The reference cannot be an id, and no resource has that display name.
        """
        name = reference_name(resource, collection.rsplit("/", 1)[-1])
        if is_full_name(name) or collection == "models":
            return name
        if may_be_id(name):
            return f"tenants/{name}" if collection == "tenants" else f"{self.tenant}/{collection}/{name}"
        listed = self._listed(collection)
        found = name_by_display_name(name, listed, collection)
        if found is None:
            remedy = f"{_remedy(collection)}{near_name(name, listed)}"
            raise NotFoundError.of(f"A {noun(collection)} called {name[:200]!r}", remedy)
        return found

    def _listed(self, collection: str) -> list[Any]:
        """Return all resources of a collection."""
        list_method = getattr(self, _LISTS[collection][0])
        found: list[Any] = list_method(self.tenant) if collection == "apiKeys" else list_method()
        return found

    def _renamed(self, error: NotFoundError, resource: Reference, collection: str) -> str:
        """Return the full name of a resource by its display name, after the service did not find it by id.

        Raises:
            NotFoundError: No resource has that display name, or the caller gave a full name.
            InvalidArgumentError: Several resources have that display name.
        """
        if not isinstance(resource, str) or is_full_name(resource):
            raise error
        try:
            listed = self._listed(collection)
        except PermissionDeniedError:  # for a key that may not list resources, report that the id is wrong
            raise error from None
        found = name_by_display_name(resource, listed, collection)
        if found is None or found == error.resource:
            near = near_name(resource, listed)
            also = f"No {noun(collection)} is called {resource!r} either. {_remedy(collection)}{near}"
            raise NotFoundError.of(error.resource, also) from error
        return found

    def _resolved(self, references: References, call: Callable[[Mapping[str, str]], Answer]) -> Answer:
        """Make a call with the full names of resources by id and, if one is not found, by display name.

        Display names are looked up only after NOT_FOUND, so that a call with ids remains a single call.

        Args:
            references: The caller's references, by any key.
            call: Makes the call with the names, which have the same keys.
        """
        names = {key: self._name(*reference) for key, reference in references.items()}
        tried: set[str] = set()
        while True:
            try:
                return call(names)
            except NotFoundError as error:
                key = next((key for key, name in names.items() if name == error.resource), None)
                if key is None or key in tried:
                    raise
                tried.add(key)
                names[key] = self._renamed(error, *references[key])

    def _call(
        self,
        method: Any,
        request: Any,
        references: References,
        *,
        safe: bool = True,
        gone_is_done: bool = False,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Make a call with one answer after setting resource names in the fields of its request.

        Args:
            references: The caller's references, by the path of the field for the name.
        """

        def send(names: Mapping[str, str]) -> Any:
            for path, name in names.items():
                set_field(request, path, name)
            return self._connection.unary(
                method, request, safe=safe, gone_is_done=gone_is_done, timeout_seconds=timeout_seconds
            )

        return self._resolved(references, send)

    def _pages(
        self,
        method: Any,
        request: Any,
        items: Callable[[Any], Any],
        decode: Callable[[Any], Item],
        limit: int | None,
        references: References | None = None,
    ) -> Listed[Item]:
        """Return all results of a list method, or the first `limit`, from the page token of the request on."""
        found = Listed[Item]()
        references = references or {}
        while len(found) != limit:
            request.page_size = 1000 if limit is None else min(1000, limit - len(found))  # more would be skipped
            page = self._call(method, request, references)
            references = {}  # from here on, the request contains the names
            found.extend(map(decode, items(page)))
            found.next_page_token = page.next_page_token
            if not _goes_on(request, page):
                break
        return found

    def _messages(
        self, method: Any, request: Any, items: Callable[[Any], Any], page_size: int | None, references: References
    ) -> Generator[Any]:
        """Yield all results of a list method, of which only a page is in memory; none for a page size of 0."""
        request.page_size = min(page_size, 1000) if page_size else 1000
        while page_size != 0:
            page = self._call(method, request, references)
            references = {}  # from here on, the request contains the names
            yield from items(page)
            if not _goes_on(request, page):
                return


def _goes_on(request: Any, page: Any) -> bool:
    """Let a request ask for the page after one that was returned, and return whether there is such a page."""
    request.page_token = page.next_page_token
    if hasattr(request, "after_row"):
        request.after_row = 0  # the token continues where the page ended
    return bool(page.next_page_token)


def _remedy(collection: str) -> str:
    return f"List them with `{_LISTS[collection][1]}`."
