"""Keyset pagination: every page is as fast as the first, and no item moves while a caller reads the pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from foreword.errors import InvalidArgumentError

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K", int, str)

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list. `next_page_token` is empty on the last page."""

    items: tuple[T, ...]
    next_page_token: str


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


def make_page(
    rows: Sequence[R], page_size: int, scope: str, key: Callable[[R], int | str], item: Callable[[R], T]
) -> Page[T]:
    """Return a page of the rows of a query with the limit `page_size` + 1."""
    shown = rows[:page_size]
    token = ""
    if len(rows) > page_size:
        document = json.dumps([_fingerprint(scope), key(shown[-1])])
        token = base64.urlsafe_b64encode(document.encode()).decode("ascii")
    return Page(tuple(item(row) for row in shown), token)


def _fingerprint(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:8]
