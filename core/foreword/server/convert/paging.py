"""Parsing of list requests."""

from __future__ import annotations

from typing import Any, Final

from foreword.domain.resource_view import ResourceView
from foreword.domain.violations import Violations
from foreword.storage.lists.filter_grammar import MAX_FILTER_CHARACTERS
from foreword.storage.lists.pages import LARGEST_PAGE_SIZE
from foreword.storage.lists.request import ListRequest
from foreword.v1 import resource_view_pb2

# A token holds the sorted fields of an item, encrypted and in Base64.
_MAX_PAGE_TOKEN = 10_000
_MAX_ORDER = 500

_VIEWS: Final = {
    resource_view_pb2.RESOURCE_VIEW_UNSPECIFIED: ResourceView.BASIC,
    resource_view_pb2.RESOURCE_VIEW_BASIC: ResourceView.BASIC,
    resource_view_pb2.RESOURCE_VIEW_FULL: ResourceView.FULL,
}


def page_size(request: Any) -> int:
    """Return the page size of a list request; 0 means the default of the list.

    Raises:
        InvalidArgumentError: The size is out of range, or the token is too long.
    """
    violations = Violations()
    size = _page(violations, request)
    violations.check()
    return size


def parse_list_request(request: Any, *, creator: str | None = None) -> ListRequest:
    """Parse a list request. Requests of lists that have only one view have no field `view`.

    Args:
        creator: Id of the API key whose resources the caller may read; None for all.

    Raises:
        InvalidArgumentError: A field is out of range or too long.
    """
    violations = Violations()
    size = _page(violations, request)
    violations.text("filter", request.filter, MAX_FILTER_CHARACTERS)
    violations.text("order_by", request.order_by, _MAX_ORDER)
    has_views = "view" in request.DESCRIPTOR.fields_by_name
    view = _VIEWS.get(request.view) if has_views else ResourceView.BASIC
    if view is None:
        violations.add("view", f"must be one of {', '.join(resource_view_pb2.ResourceView.keys())}")
    violations.check()
    assert view is not None
    return ListRequest(
        page_size=size,
        page_token=request.page_token,
        filter=request.filter,
        order_by=request.order_by,
        view=view,
        creator=creator,
    )


def _page(violations: Violations, request: Any) -> int:
    violations.text("page_token", request.page_token, _MAX_PAGE_TOKEN)
    return violations.number("page_size", int(request.page_size), minimum=0, maximum=LARGEST_PAGE_SIZE)
