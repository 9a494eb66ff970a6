"""Which webhooks get the next attempts.

Tenants take turns. Receivers that have not proved to answer get only a part of the places, because each attempt may
take as long as its limits allow: otherwise, some that hang would hold all places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_PER_TENANT: Final = 8
"""Maximum number of attempts that are under way for one tenant, over all servers."""

MAX_PER_WEBHOOK: Final = 4
"""Maximum number of attempts that are under way for one webhook, over all servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWebhook:
    """A webhook for which events are due.

    Attributes:
        key: Its key in the database.
        is_unproven: Whether the last attempt failed, or none has succeeded yet. Such a webhook gets one attempt at a
            time.
        under_way: Number of its attempts that are under way.
    """

    key: int
    tenant: str
    is_unproven: bool
    under_way: int = 0


def share_places(
    due: Sequence[DueWebhook], under_way: Mapping[str, int], *, places: int, unproven_places: int
) -> Mapping[int, int]:
    """Return the number of attempts that each webhook gets now, by key. Webhooks without one are left out.

    Tenants take turns in the order of their first webhook, each with one attempt. The webhooks of a tenant take turns
    in the same way, the unproven ones after the others.

    Args:
        due: The longest due first.
        under_way: Number of attempts that are under way, by tenant.
        places: Number of attempts that may start.
        unproven_places: Number of those that may be for unproven webhooks.
    """
    queues: dict[str, list[DueWebhook]] = {}
    for item in sorted(due, key=lambda item: item.is_unproven):
        queues.setdefault(item.tenant, []).append(item)
    turns = {tenant: _turns(items, MAX_PER_TENANT - under_way.get(tenant, 0)) for tenant, items in queues.items()}
    shares: Counter[int] = Counter()
    while turns and places:
        for tenant, turn in list(turns.items()):
            chosen = next((item for item in turn if unproven_places or not item.is_unproven), None)
            if chosen is None:
                del turns[tenant]
                continue
            shares[chosen.key] += 1
            unproven_places -= chosen.is_unproven
            places -= 1
            if not places:
                break
    return shares


def _turns(items: Sequence[DueWebhook], most: int) -> Iterator[DueWebhook]:
    """Yield the webhooks of a tenant in turn, each as often as it may get an attempt and `most` in all."""
    room = {item.key: (1 if item.is_unproven else MAX_PER_WEBHOOK) - item.under_way for item in items}
    while most > 0 and any(left > 0 for left in room.values()):
        for item in items:
            if room[item.key] > 0 and most > 0:
                room[item.key] -= 1
                most -= 1
                yield item
