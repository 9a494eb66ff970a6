"""Pages of lists, and identifiers of resources in OpenAI's form."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

from starlette.requests import Request

from foreword.client import AsyncClient
from foreword.errors import NotFoundError
from foreword.http.errors import RequestError


def query(request: Request, *names: str) -> dict[str, str]:
    """Return the parameters in the address of a request.

    Args:
        names: Those that there are.

    Raises:
        RequestError: There is another one.
    """
    given = dict(request.query_params)
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        raise RequestError(
            f"{unknown[:80]}: cannot be honoured: this list has no such parameter. Leave it out.",
            reason="PARAMETER_UNSUPPORTED",
            field=unknown[:80],
        )
    return given


Source = Callable[[str, int], AsyncGenerator[dict[str, Any]]]
"""Yields the items of a list, each with its `id`. Gets the id after which a page begins, before which it may leave out
all items, and the number of items that are going to be read: the page, the item after it and that before it."""


async def page(given: dict[str, str], source: Source, *, limit: int, most: int) -> dict[str, Any]:
    """Return a page of a list, of which not much more than the page is read.

    Args:
        given: The parameters of the address, of which `limit` and `after` are read.
        source: The list.
        limit: Number of items on a page if none is given.
        most: Largest number of items on a page.

    Raises:
        RequestError: A parameter is wrong.
    """
    text = given.get("limit", str(limit))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise RequestError(f"limit: must be in [1, {most}], not {text[:80]!r}.", field="limit")
    number, after = int(text), given.get("after", "")
    found: list[dict[str, Any]] = []
    begun, has_more = not after, False
    try:
        async with aclosing(source(after, number + (2 if after else 1))) as items:
            async for item in items:
                if not begun:
                    begun = item["id"] == after
                elif len(found) < number:
                    found.append(item)
                else:
                    has_more = True
                    break
    except NotFoundError:
        begun = False
    if not begun:
        raise RequestError(f"after: {after[:80]!r} is not in the list. Begin without it.", field="after")
    return {
        "object": "list",
        "data": found,
        "first_id": found[0]["id"] if found else None,
        "last_id": found[-1]["id"] if found else None,
        "has_more": has_more,
    }


def listed(items: Sequence[dict[str, Any]]) -> Source:
    """Return a list that is in memory."""

    async def source(_after: str, _number: int) -> AsyncGenerator[dict[str, Any]]:
        for item in items:
            yield item

    return source


def from_moment(moment: datetime | None, *, ascending: bool = False) -> str:
    """Return the service's filter of what was created at a moment or before it, or after it if the order is ascending.

    The moment is that of the item after which a page begins, so that the service skips what comes before it.
    """
    return "" if moment is None else f'create_time {">=" if ascending else "<="} "{moment.isoformat()}"'


async def resource_name(client: AsyncClient, collection: str, id: str, prefix: str) -> str:
    """Return the service's name of a resource that has an identifier of OpenAI's form.

    Args:
        collection: The service's collection, such as `datasets`.
        prefix: Beginning of the identifier, such as `file-`.

    Raises:
        NotFoundError: The identifier has another form, so there is no such resource.
    """
    tenant = await client.tenant  # first, so that a wrong key is an error of its own
    last = id.removeprefix(prefix)
    if not id.startswith(prefix) or not last.isascii() or not last.replace("-", "").isalnum():
        raise missing(id)
    return f"{tenant}/{collection}/{last}"


def missing(id: str) -> NotFoundError:
    """Return the error for a resource that does not exist."""
    return NotFoundError(f"{id[:80]} does not exist. Check the id.")


def last_part(name: str) -> str:
    """Return the last part of a resource name."""
    return name.rpartition("/")[2]


def idempotency_key(request: Request) -> str:
    """Return the header `Idempotency-Key`, with which the service recognises a repeated request; empty for none.

    Raises:
        RequestError: It is too long.
    """
    given = request.headers.get("idempotency-key", "")
    if len(given) > 64 or not (given.isascii() and given.isprintable()):
        raise RequestError("The header Idempotency-Key must hold at most 64 printable characters.")
    return given
