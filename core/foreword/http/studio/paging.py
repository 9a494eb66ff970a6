"""Pages of lists, 50 items each. The service's page token stands in the address, so that no page reads others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from foreword.client import Listed
from foreword.errors import InvalidArgumentError

PAGE_SIZE: Final = 50
_MOST_TOKENS: Final = 10
"""Tokens in an address: that of its page, and those of the pages before it, to which its links lead back."""

Item = TypeVar("Item")


class NoSuchPageError(Exception):
    """The token in the address of a page does not belong to the list.

    Args:
        first: Query of the first page of the list.
    """

    def __init__(self, first: str) -> None:
        super().__init__(first)
        self.first = first


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[Item]):
    """One page of a list.

    Attributes:
        items: What it shows.
        number: Its number, from 1.
        next: Query of the page behind it; empty if there is none.
        previous: Query of the page before it; empty if there is none, or its token is not known any more.
        beginning: Query of the first page.
    """

    items: Sequence[Item]
    number: int
    next: str
    previous: str
    beginning: str

    @classmethod
    async def read(cls, request: Request, ask: Callable[[str, int], Awaitable[Listed[Item]]]) -> Self:
        """Read the page that a request asks for.

        Args:
            ask: Asks the service for the items from a page token on, which is empty at the beginning, up to a number.

        Raises:
            NoSuchPageError: The token belongs to another list, filter, order or tenant, or was changed.
        """
        query, tokens = request.query_params, request.query_params.getlist("page_token")[-_MOST_TOKENS:]
        number = _number(query.get("page", "")) if tokens else 1
        kept = [(name, value) for name, value in query.multi_items() if name not in {"page", "page_token"} and value]

        def address(number: int, tokens: Sequence[str]) -> str:
            page = [("page", str(number)), *(("page_token", token) for token in tokens)] if tokens else []
            return f"?{urlencode([*kept, *page])}"

        try:
            found = await ask(tokens[-1] if tokens else "", PAGE_SIZE)
        except InvalidArgumentError as error:
            if any(violation.field == "page_token" for violation in error.violations):
                raise NoSuchPageError(address(1, [])) from None
            raise
        following = found.next_page_token
        return cls(
            items=found,
            number=number,
            next=address(number + 1, [*tokens, following][-_MOST_TOKENS:]) if following else "",
            previous=address(number - 1, tokens[:-1]) if len(tokens) > 1 or number == 2 else "",
            beginning=address(1, []),
        )

    @property
    def is_whole(self) -> bool:
        """Whether the list has no other page."""
        return self.number == 1 and not self.next

    @property
    def first(self) -> int:
        """Number of the first item, from 1."""
        return (self.number - 1) * PAGE_SIZE + 1

    @property
    def last(self) -> int:
        """Number of the last item, from 1."""
        return self.first + len(self.items) - 1


def _number(text: str) -> int:
    """Return the number of a page that has a token, so that it is not the first."""
    return max(2, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else 2
