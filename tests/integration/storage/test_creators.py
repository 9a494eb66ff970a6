"""Lists of the resources that one API key has created, on every database."""

from __future__ import annotations

from datetime import timedelta

from factories.stored import make_tuned_model, store_experiment, store_tenant
from foreword.domain.model_reference import ModelReference
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.workers.queue import JobQueue


def test_every_list_can_be_limited_to_one_creator(database: Database) -> None:
    tenant = store_tenant(database)
    store_experiment(database, tenant)
    queue = JobQueue(database)
    lease = queue.lease("worker", timedelta(minutes=1))
    assert lease is not None
    model = make_tuned_model(lease.experiment)
    queue.succeed(lease, tuned_model=model, evaluations=(), curve_advice="", compute_seconds=1.0)
    SpaceRepository(database, tenant).create("live", creator="key-1")
    DeploymentRepository(database, tenant).create(
        space="live", id="asked", serving_name="asked", model=ModelReference(tuned_model=model.id), creator="key-1"
    )

    for kind in (
        DatasetRepository, ExperimentRepository, TunedModelRepository, SpaceRepository, DeploymentRepository,
    ):  # fmt: skip
        repository = kind(database, tenant)
        assert [item.creator for item in repository.list(request=ListRequest(creator="key-1")).items] == ["key-1"], kind
        assert repository.list(request=ListRequest(creator="key-2")).items == (), kind
