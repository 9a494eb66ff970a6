"""Adapters in memory, within a budget of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cachetools import LRUCache

from foreword.inference.interfaces import AdapterReference
from foreword.inference.model.loaded_adapter import LoadedAdapter

_Key = tuple[str, str, str, str, str]


class AdapterStore:
    """Loaded adapters, the least recently used dropped first.

    Keyed by tenant, base model and content: an adapter is never overwritten, and one tenant's request never finds
    another tenant's. Requests keep the adapters that they use, so dropping one does not affect them. The store is
    thread-safe: requests for one adapter wait for a single load, and the next request retries a load that failed.

    Args:
        max_bytes: Memory for adapters that are kept; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._loading: dict[_Key, threading.Lock] = {}
        self._kept: LRUCache[_Key, tuple[LoadedAdapter | None, int]] = LRUCache(
            max(max_bytes, 1), getsizeof=lambda item: item[1]
        )

    @property
    def byte_size(self) -> int:
        """Memory in use, in bytes."""
        with self._lock:
            return int(self._kept.currsize)

    def get(
        self, reference: AdapterReference, load: Callable[[], tuple[LoadedAdapter | None, int]]
    ) -> LoadedAdapter | None:
        """Return an adapter, loaded if it is not kept.

        Args:
            load: Returns the adapter and its memory in bytes; called when it is not kept.

        Raises:
            ArtifactError: It cannot be loaded.
        """
        key = _key(reference)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                return found[0]
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            with self._lock:
                found = self._kept.get(key)
            if found is None:
                try:
                    found = load()
                finally:
                    with self._lock:
                        self._loading.pop(key, None)
                self._keep(key, found)
        return found[0]

    def refresh(
        self, reference: AdapterReference, load: Callable[[], tuple[LoadedAdapter | None, int]]
    ) -> LoadedAdapter | None:
        """Load an adapter in any case, and keep it.

        Raises:
            ArtifactError: It cannot be loaded.
        """
        found = load()
        self._keep(_key(reference), found)
        return found[0]

    def drop(self, base_model: str) -> None:
        """Forget the adapters of a base model."""
        with self._lock:
            for key in [key for key in self._kept if key[1] == base_model]:
                del self._kept[key]

    def _keep(self, key: _Key, loaded: tuple[LoadedAdapter | None, int]) -> None:
        with self._lock:
            if loaded[1] <= self._kept.maxsize:
                self._kept[key] = loaded


def _key(reference: AdapterReference) -> _Key:
    """Return what identifies an adapter: the same tensors mean something else under another method or configuration."""
    return (
        reference.tenant,
        reference.base_model,
        reference.tuning_type,
        reference.content_sha256,
        reference.config_sha256,
    )
