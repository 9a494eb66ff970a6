"""Pages of lists: keyset order, so that a page is as fast as the first and nothing shifts while a caller reads."""

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
    """Some items of a list. `next_page_token` is empty on the last page."""

    items: tuple[T, ...]
    next_page_token: str


def check_page_size(page_size: int) -> int:
    """The page size to use: 0 means 50.

    Raises:
        InvalidArgumentError: It is not in [0, 1000].
    """
    if not 0 <= page_size <= LARGEST_PAGE_SIZE:
        raise InvalidArgumentError.of("page_size", f"must be in [0, {LARGEST_PAGE_SIZE}], not {page_size}")
    return page_size or DEFAULT_PAGE_SIZE


def list_scope(scope: str, *, creator: str | None) -> str:
    """The scope of a list that may be limited to what one API key has made."""
    return scope if creator is None else f"{scope}#{creator}"


def read_page_token(token: str, scope: str, kind: type[K]) -> K | None:
    """The key that the page before ended with; None for the first page.

    Args:
        scope: The list with its filters; a token of another list is refused.
        kind: Type of the list's keys.

    Raises:
        InvalidArgumentError: It does not belong to this list.
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
            "page_token", "does not belong to this list; pass next_page_token of the page before and change no filter"
        )
    return key


def make_page(
    rows: Sequence[R], page_size: int, scope: str, key: Callable[[R], int | str], item: Callable[[R], T]
) -> Page[T]:
    """A page of the rows found when one more than `page_size` was asked for."""
    shown = rows[:page_size]
    token = ""
    if len(rows) > page_size:
        document = json.dumps([_fingerprint(scope), key(shown[-1])])
        token = base64.urlsafe_b64encode(document.encode()).decode("ascii")
    return Page(tuple(item(row) for row in shown), token)


def _fingerprint(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:8]
