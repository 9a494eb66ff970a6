from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.databases import open_database
from factories.servers import shared_plugins
from factories.stored import make_tuned_model, store_experiment
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.repositories.tuned_models import add_tuned_model
from foreword.storage.workers.probes import ProbeQueue
from foreword.turns.turn_pool import TurnPool

BASE = ModelReference(base_model="foreword--starter")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database without a prober."""
    opened = open_database(f"sqlite:///{tmp_path / 'foreword.db'}")
    TenantRepository(opened).ensure_tenant("acme")
    yield opened
    opened.close()


@pytest.fixture
def storage() -> Iterator[TurnPool]:
    pool = TurnPool("storage")
    yield pool
    pool.close()


@pytest.fixture
def models(database: Database, storage: TurnPool) -> ModelResolver:
    return ModelResolver(database=database, plugins=shared_plugins(), storage=storage)


def find(models: ModelResolver, model: str) -> ResolvedModel:
    return asyncio.run(models.find("acme", model))


def deploy(database: Database, serving_name: str) -> None:
    DeploymentRepository(database, "acme").create(
        space="default", id=serving_name, serving_name=serving_name, model=BASE
    )


def test_a_deployment_that_is_not_ready_states_what_to_wait_for(database: Database, models: ModelResolver):
    deploy(database, "early")

    with pytest.raises(FailedPreconditionError, match="READY") as caught:
        find(models, "early")

    assert caught.value.reason == "DEPLOYMENT_NOT_READY"


def test_a_failed_deployment_states_the_reason(database: Database, models: ModelResolver):
    deploy(database, "failed")
    failure = Failure(kind="failed_precondition", reason="ARTIFACT_CORRUPT", message="The tensors are damaged.")
    ProbeQueue(database).failed("acme", (1, 1), failure)

    with pytest.raises(FailedPreconditionError, match=r"The tensors are damaged\.") as caught:
        find(models, "failed")

    assert caught.value.metadata["cause"] == "ARTIFACT_CORRUPT"


def test_a_serving_name_goes_before_an_alias_of_the_same_name(database: Database, models: ModelResolver):
    assert find(models, "starter").version == "baseModels/foreword--starter"
    deploy(database, "starter")
    models.forget()

    with pytest.raises(FailedPreconditionError):
        find(models, "starter")


@pytest.mark.parametrize("name", ["foreword--starter", "foreword/starter", "baseModels/foreword--starter", "starter"])
def test_a_base_model_is_found_by_all_its_names(models: ModelResolver, name: str):
    assert find(models, name).base_model == "foreword--starter"


def test_what_is_no_name_of_anything_is_not_found(models: ModelResolver):
    with pytest.raises(NotFoundError, match="neither a serving name of your tenant nor a base model"):
        find(models, "no such thing")


def test_a_tuned_model_that_was_deleted_is_named(models: ModelResolver):
    with pytest.raises(FailedPreconditionError, match="tenants/acme/tunedModels/gone was deleted") as caught:
        models.resolve("acme", ModelReference(tuned_model="gone"))

    assert caught.value.reason == "MODEL_DELETED"


def store_model_tuned_on(database: Database, revision: str) -> ModelReference:
    made = make_tuned_model(store_experiment(database))
    with database.write() as session:
        add_tuned_model(session, dataclasses.replace(made, provenance={"base_model": revision}), database.now())
    return ModelReference(tuned_model=made.id)


def test_a_model_tuned_on_other_weights_of_its_base_is_refused_and_not_served_at_random(
    database: Database, models: ModelResolver
):
    with pytest.raises(FailedPreconditionError, match="Tune it again, or install the former weights") as caught:
        models.resolve("acme", store_model_tuned_on(database, "former"))

    assert caught.value.reason == "BASE_MODEL_CHANGED"
    assert caught.value.metadata["resource"] == "tenants/acme/tunedModels/model-1"


def test_a_model_tuned_on_the_weights_that_are_installed_is_served(database: Database, models: ModelResolver):
    installed = shared_plugins().base_model("foreword--starter").spec.revision

    served = models.resolve("acme", store_model_tuned_on(database, installed))

    assert served.version == "tenants/acme/tunedModels/model-1"


def test_a_base_model_whose_plugin_is_gone_is_named(models: ModelResolver):
    with pytest.raises(FailedPreconditionError, match="Install its plugin") as caught:
        models.resolve("acme", ModelReference(base_model="uninstalled"))

    assert caught.value.reason == "BASE_MODEL_MISSING"
