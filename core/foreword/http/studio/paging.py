"""Pages of lists: 50 items each, by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

PAGE_SIZE: Final = 50
_MOST_PAGES: Final = 1_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[Item]):
    """One page of a list.

    Attributes:
        items: What it shows.
        number: Its number, from 1.
        more: Whether there is another one behind it.
        query: The query of its address without the number, with which the others are asked for.
    """

    items: Sequence[Item]
    number: int
    more: bool
    query: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, request: Request, found: Sequence[Item]) -> Self:
        """Return the page that a request asks for.

        Args:
            found: The items from the beginning of the list, as many as `items_needed` says.
        """
        number = page_number(request)
        return cls(
            items=found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE],
            number=number,
            more=len(found) > number * PAGE_SIZE,
            query=[(name, value) for name, value in request.query_params.multi_items() if name != "page" and value],
        )

    @property
    def first(self) -> int:
        """Number of the first item, from 1."""
        return (self.number - 1) * PAGE_SIZE + 1

    @property
    def last(self) -> int:
        """Number of the last item, from 1."""
        return self.first + len(self.items) - 1

    def address(self, number: int) -> str:
        """Return the query of another page of the list."""
        return f"?{urlencode([*self.query, ('page', str(number))])}"


def page_number(request: Request) -> int:
    """Return the number of the page that a request asks for; 1 if it asks for none."""
    text = request.query_params.get("page", "")
    return min(max(1, int(text)), _MOST_PAGES) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def items_needed(request: Request) -> int:
    """Return how many items a page needs from the beginning of a list: its own, and one if there are more."""
    return page_number(request) * PAGE_SIZE + 1
