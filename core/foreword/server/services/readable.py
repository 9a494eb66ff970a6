"""Look-ups of what a request names, for callers whose keys may read only their own resources."""

from __future__ import annotations

from foreword.domain.dataset import Dataset
from foreword.domain.tuned_model import TunedModel
from foreword.names import DatasetName, TunedModelName
from foreword.server.callers.auth import require_readable
from foreword.server.calls.pools import READ_SECONDS, Pools
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.storage.database import Database
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository


class ReadableResources:
    """The datasets and models that the caller of the current RPC can read."""

    def __init__(self, *, database: Database, models: ModelResolver, pools: Pools) -> None:
        self._database = database
        self._models = models
        self._pools = pools

    async def dataset(self, name: DatasetName) -> Dataset:
        """Return a dataset of the caller's tenant.

        Raises:
            NotFoundError: It does not exist, or the caller's key cannot read it.
        """
        repository = DatasetRepository(self._database, name.tenant)
        found = await self._pools.storage.run(name.tenant, READ_SECONDS, repository.get, name.dataset)
        require_readable(found.creator, str(name))
        return found

    async def model(self, tenant: str, model: str) -> tuple[ResolvedModel, TunedModel | None]:
        """Look up a model, as a request names it.

        Returns:
            The model, and the tuned model if it is one.

        Raises:
            NotFoundError: It does not exist, or the caller's key cannot read it.
            InvalidArgumentError: The text is not a valid name (field `model`).
            FailedPreconditionError: It is a deployment that is not ready, or something that it needs is missing.
        """
        found = await self._models.find(tenant, model)
        if found.adapter is None:
            return found, None
        repository = TunedModelRepository(self._database, tenant)
        name = TunedModelName.parse(found.version)
        tuned = await self._pools.storage.run(tenant, READ_SECONDS, repository.get, name.tuned_model)
        require_readable(tuned.creator, model)
        return found, tuned
