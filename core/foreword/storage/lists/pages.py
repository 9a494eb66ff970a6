"""Keyset pagination: every page is as fast as the first, and no item moves while a caller reads the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Result, Row, select
from sqlalchemy.orm import Session, contains_eager

from foreword.errors import InvalidArgumentError
from foreword.storage.database import Database
from foreword.storage.lists.fields import Context
from foreword.storage.lists.filters import filter_condition
from foreword.storage.lists.list_specs import ListSpec
from foreword.storage.lists.orders import after, parse_order
from foreword.storage.lists.page_tokens import page_tokens
from foreword.storage.lists.request import ListRequest
from foreword.storage.texts import check_texts

T = TypeVar("T")
R = TypeVar("R")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReader(Generic[R, T]):
    """A reader of the pages of one list.

    Attributes:
        tenant: The tenant whose resources are listed; empty for a list of all tenants.
        parent: Resource below which the list is, if there are several such lists in a tenant.
        conditions: The conditions that make up the list.
        options: Options of the query, such as columns that are not needed.
        convert: Converts several rows to items, one by one and in order.
        check: Called in the transaction of the list, to raise an error if its parent does not exist.
    """

    database: Database
    spec: ListSpec[R]
    tenant: str
    parent: str = ""
    conditions: Sequence[ColumnElement[bool]] = ()
    options: Sequence[Any] = ()
    convert: Callable[[Session, Sequence[R]], Iterable[T]]
    check: Callable[[Session], None] = lambda _: None

    def read(self, request: ListRequest, take: Take[T] = take_any) -> Page[T]:
        """Return a page.

        Rows are read one by one, so that none is read in vain after a page that is full of large items.

        Args:
            take: Called with each item; the page ends before the first one that it refuses.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        check_texts(filter=request.filter, order_by=request.order_by)
        size = check_page_size(request.page_size)
        spec, context = self.spec, Context(is_sqlite=self.database.is_sqlite, tenant=self.tenant)
        order = (*parse_order(request.order_by, spec.fields), spec.key)
        keys = [term.field.sort_key(context) for term in order]
        query = (
            select(spec.row, *keys)
            .where(*self.conditions, filter_condition(request.filter, spec.fields, context))
            .order_by(*(term.clause(context) for term in order))
            .options(*self.options)
            .limit(size + 1)
            # Few at once: the page may be full before its end.
            .execution_options(yield_per=_ROWS_AT_ONCE)
        )
        if spec.part is not None:
            query = query.join(spec.part).options(contains_eager(spec.part))
        if request.creator is not None:
            query = query.where(spec.creator == request.creator)
        tokens = page_tokens(self.database)
        scope = (self.tenant, spec.name, self.parent, request.creator, request.filter, request.order_by)
        if request.page_token:
            query = query.where(after(order, tokens.open(scope, request.page_token), context))
        items: list[T] = []
        last: Sequence[Any] = ()
        with self.database.read() as session:
            self.check(session)
            with closing(session.execute(query)) as rows:
                for row, item in self._items(session, rows):
                    if len(items) == size or not take(item):
                        assert items, "a page has at least one item"
                        position = [term.field.to_json(value) for term, value in zip(order, last, strict=True)]
                        return Page(tuple(items), tokens.seal(scope, position))
                    items.append(item)
                    last = row[1:]
        return Page(tuple(items), "")

    def _items(self, session: Session, rows: Result[Any]) -> Iterator[tuple[Row[Any], T]]:
        """Yield each row of the query with its item."""
        for part in rows.partitions():
            yield from zip(part, self.convert(session, [row[0] for row in part]), strict=True)
