"""The answers of label spaces as tokens, within a budget of bytes that tenants share."""

from __future__ import annotations

from collections.abc import Callable

from foreword.inference.engine.tenant_cache import Kept, TenantCache
from foreword.inference.interfaces import EngineRequest
from foreword.inference.labels.candidates import Candidates
from foreword.plugin.interfaces import LabelSpace

_Key = tuple[str, LabelSpace]


class CandidateStore:
    """Prepared label spaces by tenant and base model; see `TenantCache` for which of them are kept.

    Args:
        max_bytes: Memory for label spaces that are kept; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._cache = TenantCache[_Key, Candidates](max_bytes)

    @property
    def byte_size(self) -> int:
        """Memory in use, in bytes."""
        return self._cache.byte_size

    def find(self, request: EngineRequest) -> Candidates | None:
        """Return the label space of a request if it is kept; None if not, and for a request without labels."""
        key = _key(request)
        found = None if key is None else self._cache.find(request.tenant, key)
        return None if found is None else found.item

    def get(self, request: EngineRequest, make: Callable[[LabelSpace], Candidates]) -> Candidates | None:
        """Return the label space of a request, prepared if it is not kept; None for a request without labels.

        Args:
            make: Prepares a label space. Nothing is kept if it raises an error.

        Raises:
            InvalidArgumentError: It cannot be prepared.
            CancelledError: The caller has gone.
        """
        key = _key(request)
        if key is None:
            return None

        def made() -> Kept[Candidates]:
            candidates = make(key[1])
            return Kept(candidates, candidates.byte_size)

        return self._cache.get(request.tenant, key, made)

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants of which label spaces are kept."""
        return self._cache.tenants

    def drop_tenant(self, tenant: str) -> None:
        """Forget the label spaces of a tenant."""
        self._cache.drop_tenant(tenant)

    def drop(self, base_model: str) -> None:
        """Forget the label spaces of a base model."""
        self._cache.drop(lambda key: key[0] == base_model)


def _key(request: EngineRequest) -> _Key | None:
    return None if request.label_space is None else (request.base_model, request.label_space)
