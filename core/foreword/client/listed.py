"""The items of a list, and how the list goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


class Listed(list[Item]):
    """The items that a list method returns: a list that knows where the next items begin.

    Args:
        items: The items.
        next_page_token: `page_token` of the call that returns the items after these ones, with the same filter and
            order; empty if there are none. It is bound to the tenant and the list, and has no meaning of its own.
    """

    def __init__(self, items: Iterable[Item] = (), *, next_page_token: str = "") -> None:
        super().__init__(items)
        self.next_page_token = next_page_token
