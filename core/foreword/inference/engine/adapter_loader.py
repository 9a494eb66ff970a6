"""Loading the adapters of tuned models."""

from __future__ import annotations

from collections.abc import Mapping

from foreword.errors import NotFoundError
from foreword.inference.engine.adapter_store import AdapterStore
from foreword.inference.engine.artifact_reading import ReadArtifact, read_contributions
from foreword.inference.engine.tenant_cache import Kept
from foreword.inference.interfaces import AdapterReference
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner
from foreword.plugin.interfaces import TuningMethod


class AdapterLoader:
    """A loader of adapters that keeps them in memory. It is thread-safe.

    Args:
        methods: Tuning methods by tuning type.
        read_artifact: Reads an adapter's files.
        max_bytes: Memory for adapters that are kept.
    """

    def __init__(self, *, methods: Mapping[str, TuningMethod], read_artifact: ReadArtifact, max_bytes: int) -> None:
        self._methods = methods
        self._read_artifact = read_artifact
        self._store = AdapterStore(max_bytes)

    @property
    def byte_size(self) -> int:
        """Memory of the adapters that are kept, in bytes."""
        return self._store.byte_size

    @property
    def uses(self) -> tuple[int, int]:
        """Number of requests whose adapter was kept, and of those whose adapter was read."""
        return self._store.uses

    def find(self, reference: AdapterReference) -> Kept[LoadedAdapter | None] | None:
        """Return an adapter that is in memory, or None."""
        return self._store.find(reference)

    def load(self, runner: ModelRunner, reference: AdapterReference, *, anew: bool = False) -> LoadedAdapter | None:
        """Return an adapter, read from its artifact unless it is in memory. Blocks.

        Args:
            runner: Runs the base model of the adapter.
            anew: Read the artifact in any case.

        Raises:
            ArtifactError: The artifact is missing or corrupt, or does not fit the base model.
            NotFoundError: The adapter's tuning method is not installed.
        """

        def load() -> tuple[LoadedAdapter | None, int]:
            method = self._methods.get(reference.tuning_type)
            if method is None:
                raise NotFoundError(
                    f"The tuning method {reference.tuning_type[:80]!r} of this tuned model is not installed. Install "
                    "its plugin.",
                    reason="TUNING_METHOD_MISSING",
                )
            contributions = read_contributions(reference, method, runner.model.spec, self._read_artifact)
            loaded = runner.load_adapter(contributions)
            return loaded, runner.network.adapter_bytes(loaded) if loaded else 1

        return self._store.refresh(reference, load) if anew else self._store.get(reference, load)

    @property
    def tenants(self) -> frozenset[str]:
        """Ids of the tenants of which adapters are kept."""
        return self._store.tenants

    def drop_tenant(self, tenant: str) -> None:
        """Forget the adapters of a tenant."""
        self._store.drop_tenant(tenant)

    def drop(self, base_model: str) -> None:
        """Forget the adapters of a base model."""
        self._store.drop(base_model)
