"""Requests for a page of a list."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.resource_view import ResourceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """A request for a page of a list.

    Attributes:
        page_size: Maximum number of items; 0 for the default.
        page_token: Token of the previous page; empty for the first page.
        filter: Condition that items must meet; see `filter_grammar`. Empty for all items.
        order_by: Fields to sort by; see `orders`. Empty for the default order of the list.
        view: How much of each item to read.
        creator: Id of the API key whose resources are listed; None for all.
    """

    page_size: int = 0
    page_token: str = ""
    filter: str = ""
    order_by: str = ""
    view: ResourceView = ResourceView.BASIC
    creator: str | None = None


FIRST_PAGE = ListRequest()
"""The first page in the default order."""
