"""What requests have in common and is kept in memory, within a budget of bytes that tenants share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from foreword.inference.engine.key_locks import KeyLocks

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class Kept(NamedTuple, Generic[Item]):
    """An item and its memory in bytes."""

    item: Item
    byte_size: int


class TenantCache(Generic[Key, Item]):
    """Items by tenant and key. Beyond the budget, the tenant that holds the most loses its least recently used item.

    So no tenant can push out the items of the others, and none finds those of another. Requests hold the items that
    they use, so dropping one does not affect them. The cache is thread-safe: requests for one item wait until it is
    made once, and the next request tries again if that failed.

    Args:
        max_bytes: Memory for items that are kept; a larger item is not kept, and 0 keeps none.

    Attributes:
        hits: Number of calls of `get` whose item was kept.
        misses: Number of items that `get` has made.
    """

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._making = KeyLocks[tuple[str, Key]]()
        self._max_bytes = max_bytes
        self._kept: dict[str, OrderedDict[Key, Kept[Item]]] = {}
        self._bytes: dict[str, int] = {}
        self.hits = 0
        self.misses = 0

    @property
    def byte_size(self) -> int:
        """Memory in use, in bytes."""
        with self._lock:
            return sum(self._bytes.values())

    def find(self, tenant: str, key: Key) -> Kept[Item] | None:
        """Return an item that is kept, or None."""
        with self._lock:
            kept = self._kept.get(tenant)
            if kept is None or key not in kept:
                return None
            kept.move_to_end(key)
            return kept[key]

    def get(self, tenant: str, key: Key, make: Callable[[], Kept[Item]]) -> Item:
        """Return an item, made if it is not kept.

        Args:
            make: Makes the item. Nothing is kept if it raises an error.
        """
        found = self.find(tenant, key)
        if found is not None:
            self.hits += 1
            return found.item
        with self._making.held((tenant, key)):
            found = self.find(tenant, key)
            if found is None:
                found = make()
                self.misses += 1
                self.keep(tenant, key, found)
        return found.item

    def keep(self, tenant: str, key: Key, item: Kept[Item]) -> None:
        """Keep an item, in place of an earlier one with this key."""
        if item.byte_size > self._max_bytes:
            return
        with self._lock:
            self._forget(tenant, key)
            self._kept.setdefault(tenant, OrderedDict())[key] = item
            self._bytes[tenant] = self._bytes.get(tenant, 0) + item.byte_size
            while sum(self._bytes.values()) > self._max_bytes:
                largest = max(self._bytes, key=self._bytes.__getitem__)
                self._forget(largest, next(iter(self._kept[largest])))

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants of which items are kept."""
        with self._lock:
            return frozenset(self._kept)

    def drop_tenant(self, tenant: str) -> None:
        """Forget all items of a tenant."""
        with self._lock:
            self._kept.pop(tenant, None)
            self._bytes.pop(tenant, None)

    def drop(self, unwanted: Callable[[Key], bool]) -> None:
        """Forget items by their keys."""
        with self._lock:
            for tenant, key in [(tenant, key) for tenant, kept in self._kept.items() for key in kept]:
                if unwanted(key):
                    self._forget(tenant, key)

    def _forget(self, tenant: str, key: Key) -> None:
        """Forget one item, if it is kept. The lock is held."""
        kept = self._kept.get(tenant)
        if kept is None or key not in kept:
            return
        self._bytes[tenant] -= kept.pop(key).byte_size
        if not kept:
            del self._kept[tenant], self._bytes[tenant]
