"""The stored resources that a run reads, which the caller must own and be able to read."""

from __future__ import annotations

from foreword.domain.dataset import Dataset
from foreword.domain.tuned_model import TunedModel
from foreword.domain.violations import Violations
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import READ_SECONDS
from foreword.server.convert.experiment import NewExperiment
from foreword.storage.database import Database
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.turns.turn_pool import TurnPool


def check_labelled(violations: Violations, field: str, dataset: Dataset) -> None:
    """Add a fault if a dataset whose outputs are needed has none."""
    if dataset.unlabelled:
        violations.add(field, "is an unlabelled dataset, whose rows have no outputs; choose one with outputs")


def require_own_references(run: NewExperiment) -> None:
    """Check that all resources that a run names belong to the caller's tenant.

    Raises:
        NotFoundError: One does not.
    """
    for resource in (*run.datasets, *((run.start,) if run.start is not None else ())):
        require_own(resource.tenant, str(resource))


async def readable_references(storage: TurnPool, database: Database, run: NewExperiment) -> TunedModel | None:
    """Check that the caller can read the datasets of a run, because the plan and the evaluations show their content.

    Returns:
        The tuned model that the run starts from; None for another start.

    Raises:
        NotFoundError: A dataset or the tuned model does not exist, or the caller's key cannot read it.
    """
    tenant = current_caller().tenant
    datasets = DatasetRepository(database, tenant)
    for name in run.datasets:
        dataset = await storage.run(tenant, READ_SECONDS, datasets.get, name.dataset)
        require_readable(dataset.creator, str(name))
    if run.start is None:
        return None
    models = TunedModelRepository(database, tenant)
    start = await storage.run(tenant, READ_SECONDS, models.get, run.start.tuned_model)
    require_readable(start.creator, str(run.start))
    return start
