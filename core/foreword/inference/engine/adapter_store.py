"""Adapters in memory, within a budget of bytes that tenants share."""

from __future__ import annotations

from collections.abc import Callable

from foreword.inference.engine.tenant_cache import Kept, TenantCache
from foreword.inference.interfaces import AdapterReference
from foreword.inference.model.loaded_adapter import LoadedAdapter

_Key = tuple[str, str, str, str]


class AdapterStore:
    """Loaded adapters, the least recently used of the tenant that holds the most dropped first.

    Keyed by tenant, base model and content: an adapter is never overwritten, and one tenant's request never finds
    another tenant's. The store is thread-safe: requests for one adapter wait for a single load, and the next request
    retries a load that failed.

    Args:
        max_bytes: Memory for adapters that are kept; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._cache = TenantCache[_Key, LoadedAdapter | None](max_bytes)

    @property
    def byte_size(self) -> int:
        """Memory in use, in bytes."""
        return self._cache.byte_size

    @property
    def uses(self) -> tuple[int, int]:
        """Number of requests whose adapter was kept, and of those whose adapter was loaded."""
        return self._cache.hits, self._cache.misses

    def find(self, reference: AdapterReference) -> Kept[LoadedAdapter | None] | None:
        """Return an adapter that is kept, or None."""
        found = self._cache.find(reference.tenant, _key(reference))
        if found is not None:
            self._cache.hits += 1
        return found

    def get(
        self, reference: AdapterReference, load: Callable[[], tuple[LoadedAdapter | None, int]]
    ) -> LoadedAdapter | None:
        """Return an adapter, loaded if it is not kept.

        Args:
            load: Returns the adapter and its memory in bytes; called when it is not kept.

        Raises:
            ArtifactError: It cannot be loaded.
        """
        return self._cache.get(reference.tenant, _key(reference), lambda: Kept(*load()))

    def refresh(
        self, reference: AdapterReference, load: Callable[[], tuple[LoadedAdapter | None, int]]
    ) -> LoadedAdapter | None:
        """Load an adapter in any case, and keep it.

        Raises:
            ArtifactError: It cannot be loaded.
        """
        loaded = Kept(*load())
        self._cache.keep(reference.tenant, _key(reference), loaded)
        return loaded.item

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants of which adapters are kept."""
        return self._cache.tenants

    def drop_tenant(self, tenant: str) -> None:
        """Forget the adapters of a tenant."""
        self._cache.drop_tenant(tenant)

    def drop(self, base_model: str) -> None:
        """Forget the adapters of a base model."""
        self._cache.drop(lambda key: key[0] == base_model)


def _key(reference: AdapterReference) -> _Key:
    """Return what identifies an adapter: the same tensors mean something else under another method or configuration."""
    return (
        reference.base_model,
        reference.tuning_type,
        reference.content_sha256,
        reference.config_sha256,
    )
