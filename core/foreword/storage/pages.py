"""Keyset pagination: every page is as fast as the first, and no item moves while a caller reads the pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import ScalarResult, Select
from sqlalchemy.orm import Session

from foreword.errors import InvalidArgumentError

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K", int, str)

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 1000
_ROWS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list. `next_page_token` is empty on the last page."""

    items: tuple[T, ...]
    next_page_token: str


Take = Callable[[T], bool]
"""Keeps an item for a page, or returns False if the page has no room for it. It accepts the first item."""


def take_any(_: object) -> bool:
    """Accept any item."""
    return True


def check_page_size(page_size: int) -> int:
    """Return the page size to use; 0 means 50.

    Raises:
        InvalidArgumentError: The page size is not in [0, 1000].
    """
    if not 0 <= page_size <= LARGEST_PAGE_SIZE:
        raise InvalidArgumentError.of("page_size", f"must be in [0, {LARGEST_PAGE_SIZE}], not {page_size}")
    return page_size or DEFAULT_PAGE_SIZE


def list_scope(scope: str, *, creator: str | None) -> str:
    """Return the scope of a list that may be limited to the resources of one API key."""
    return scope if creator is None else f"{scope}#{creator}"


def read_page_token(token: str, scope: str, kind: type[K]) -> K | None:
    """Return the last key of the previous page; None for the first page.

    Args:
        scope: The list and its filters; a token of another list is rejected.
        kind: Type of the list's keys.

    Raises:
        InvalidArgumentError: The token does not belong to this list.
    """
    if not token:
        return None
    try:
        owner, key = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        owner = key = None
    sound = key.isascii() and key.isprintable() if isinstance(key, str) else isinstance(key, int) and 0 <= key < 2**63
    if owner != _fingerprint(scope) or type(key) is not kind or not sound:
        raise InvalidArgumentError.of(
            "page_token",
            "does not belong to this list; pass next_page_token of the previous page with the same filters",
        )
    return key


@contextmanager
def first_rows(session: Session, query: Select[R], page_size: int) -> Iterator[ScalarResult[R]]:
    """Read the rows of a page and the next row, few at once: the page may be full before its end."""
    limited = query.limit(page_size + 1).execution_options(yield_per=_ROWS_AT_ONCE)
    with closing(session.scalars(limited)) as rows:
        yield rows


def make_page(
    rows: Iterable[R],
    page_size: int,
    scope: str,
    key: Callable[[R], int | str],
    item: Callable[[R], T],
    take: Take[T] = take_any,
) -> Page[T]:
    """Return a page of the rows of a query with the limit `page_size` + 1.

    Rows are read one by one, so that none is read in vain after a page that is full of large items.

    Args:
        take: Called with each item; the page ends before the first one that it refuses.
    """
    items: list[T] = []
    last: R | None = None
    for row in rows:
        if len(items) < page_size and take(found := item(row)):
            items.append(found)
            last = row
            continue
        assert last is not None, "a page has at least one item"
        document = json.dumps([_fingerprint(scope), key(last)])
        return Page(tuple(items), base64.urlsafe_b64encode(document.encode()).decode("ascii"))
    return Page(tuple(items), "")


def _fingerprint(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:8]
