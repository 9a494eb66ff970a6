"""Responses that are read and converted in a thread, because they can be large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from foreword.domain.messages import MAX_PAGE_BYTES
from foreword.server.callers.auth import current_caller
from foreword.server.calls.pools import READ_SECONDS
from foreword.storage.lists.pages import Page, Take
from foreword.turns.cancellation import check_cancelled
from foreword.turns.turn_pool import TurnPool

Item = TypeVar("Item")
Message = TypeVar("Message")

_TAG_BYTES = 6  # the tag and the length of an item in its page


async def converted(
    storage: TurnPool, read: Callable[[], Item], convert: Callable[[Item], Message], *, cost: float = READ_SECONDS
) -> tuple[Item, Message]:
    """Return what `read` returns, and the message made of it.

    Args:
        storage: Runs both, in the turn of the caller's tenant.
        cost: Estimated cost in seconds.
    """

    def work() -> tuple[Item, Message]:
        found = read()
        check_cancelled()
        return found, convert(found)

    return await storage.run(current_caller().tenant, cost, work)


async def fill_page(
    storage: TurnPool,
    response: Message,
    field: str,
    read: Callable[[Take[Item]], Page[Item]],
    convert: Callable[[Item], Any],
    *,
    cost: float = READ_SECONDS,
) -> Message:
    """Fill the response of a list RPC, which ends before it is larger than a page may be.

    Args:
        storage: Reads and converts, in the turn of the caller's tenant.
        response: An empty response.
        field: Its repeated field.
        read: Reads the page. It passes each item to the function that it is given, and ends the page before the first
            item for which that function returns False.
        convert: Converts an item to a message.
        cost: Estimated cost in seconds.
    """

    def fill() -> Message:
        filled: Any = response
        messages = getattr(filled, field)
        size = 0

        def take(item: Item) -> bool:
            nonlocal size
            check_cancelled()
            message = convert(item)
            size += message.ByteSize() + _TAG_BYTES
            if size > MAX_PAGE_BYTES and messages:
                return False
            messages.append(message)
            return True

        filled.next_page_token = read(take).next_page_token
        return response

    return await storage.run(current_caller().tenant, cost, fill)
