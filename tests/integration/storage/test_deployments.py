"""Spaces, deployments, revisions and probes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from factories.stored import make_evaluation, make_tuned_model, store_experiment, store_tenant
from foreword.domain.deployment import Deployment, DeploymentState, RevisionState, Stage
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.workers.probes import ProbeQueue, RevisionKey
from foreword.storage.workers.queue import JobQueue

BASE = ModelReference(base_model="foreword--starter")
OTHER = ModelReference(base_model="google--flan-t5-xl")
THIRD = ModelReference(base_model="third")
FAILURE = Failure(kind="failed_precondition", reason="PROBE_WITHOUT_EFFECT", message="The prompt changes nothing.")


@pytest.fixture
def deployments(database: Database) -> DeploymentRepository:
    """The repository of deployments, without any deployment."""
    return DeploymentRepository(database, store_tenant(database))


@pytest.fixture
def probes(database: Database) -> ProbeQueue:
    """The probes of all tenants."""
    return ProbeQueue(database)


def deploy(
    deployments: DeploymentRepository, name: str = "triage", model: ModelReference = BASE, **values
) -> Deployment:
    return deployments.create(
        space="default", id=name, serving_name=values.pop("serving_name", name), model=model, **values
    )


def store_model(database: Database, id: str = "model-1") -> ModelReference:
    store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w", timedelta(minutes=1))
    queue.succeed(
        lease,
        tuned_model=make_tuned_model(lease.experiment, id),
        evaluations=[make_evaluation()],
        curve_advice="",
        compute_seconds=1.0,
    )
    return ModelReference(tuned_model=id)


def revision(number: int) -> RevisionKey:
    """A revision of the first deployment that a test makes."""
    return (1, number)


def states(deployment: Deployment) -> list[tuple[int, RevisionState]]:
    return [(item.number, item.state) for item in deployment.revisions]


def test_a_space_is_stored_listed_by_id_and_deleted(database):
    spaces = SpaceRepository(database, store_tenant(database))
    space = spaces.create("zoo", stage=Stage.PRODUCTION, description="d", tags=["a", "b"], creator="key-1")
    assert spaces.get("zoo") == space
    assert space.display_name == "zoo"
    assert space.tags == ("a", "b")
    first = spaces.list(ListRequest(page_size=1))
    second = spaces.list(ListRequest(page_size=1, page_token=first.next_page_token))
    assert [item.id for item in first.items + second.items] == ["default", "zoo"]
    spaces.delete("zoo")
    with pytest.raises(NotFoundError):
        spaces.get("zoo")


def test_a_taken_space_id_is_refused_unless_the_request_is_the_same(database):
    spaces = SpaceRepository(database, store_tenant(database))
    request = RequestKey("CreateSpace", "r1", "f1")
    assert spaces.create("zoo", request=request) == spaces.create("zoo", request=request)
    with pytest.raises(AlreadyExistsError):
        spaces.create("zoo")


def test_the_default_space_and_one_that_is_in_use_are_kept(database, deployments):
    spaces = SpaceRepository(database, "acme")
    with pytest.raises(FailedPreconditionError, match="every tenant needs it"):
        spaces.delete("default")
    spaces.create("zoo")
    deployments.create(space="zoo", id="d1", serving_name="d1", model=BASE)
    with pytest.raises(FailedPreconditionError, match="contains deployments"):
        spaces.delete("zoo")


def test_a_new_deployment_waits_for_its_probe(deployments, probes):
    deployment = deploy(deployments)
    assert deployment == deployments.get("default", "triage") == deployments.find("triage")
    assert deployment.state is DeploymentState.INITIALIZING
    assert deployment.serving is None
    (pending,) = probes.pending(10)
    assert (pending.tenant, pending.deployment, pending.key) == ("acme", "triage", revision(1))
    assert pending.model == BASE


def test_a_revision_serves_once_it_has_passed_its_probe(deployments, probes):
    deploy(deployments)
    probes.ready("acme", revision(1), 0.25)
    deployment = deployments.get("default", "triage")
    assert deployment.state is DeploymentState.READY
    assert deployment.serving.probe_effect == 0.25
    assert probes.pending(10) == []


def test_tenants_take_turns_at_their_probes(database, deployments, probes):
    for name in ("first", "second", "third"):
        deploy(deployments, name)
    deploy(DeploymentRepository(database, store_tenant(database, "other")), "late")

    found = probes.pending(10)
    rest = probes.pending(10, skip=[item.key for item in found])

    assert [item.deployment for item in found] == ["first", "late"]
    assert [item.deployment for item in rest] == ["second"]
    assert [item.deployment for item in probes.pending(10, skip_tenants=["acme"])] == ["late"]


def test_a_first_revision_that_fails_its_probe_states_the_reason(deployments, probes):
    deploy(deployments)
    probes.failed("acme", revision(1), FAILURE)
    deployment = deployments.get("default", "triage")
    assert deployment.state is DeploymentState.FAILED
    assert deployment.revisions[0].failure == FAILURE


def test_the_first_answer_of_a_probe_counts(deployments, probes):
    deploy(deployments)
    probes.ready("acme", revision(1), 0.25)
    before = deployments.get("default", "triage")
    probes.failed("acme", revision(1), FAILURE)
    probes.ready("acme", revision(1), 0.5)
    probes.ready("acme", (99, 1), 0.5)
    assert deployments.get("default", "triage") == before


def test_a_probe_does_not_affect_a_later_deployment_with_the_same_id(deployments, probes):
    deploy(deployments)
    (pending,) = probes.pending(10)
    deployments.delete("default", "triage")
    deploy(deployments, model=OTHER)
    probes.ready("acme", pending.key, 0.25)
    assert deployments.get("default", "triage").state is DeploymentState.INITIALIZING


def test_another_model_makes_a_revision_that_takes_over_when_it_is_ready(deployments, probes):
    deploy(deployments)
    probes.ready("acme", revision(1), 0.0)
    updated = deployments.update("default", "triage", model=OTHER)
    assert updated.state is DeploymentState.UPDATING
    assert updated.serving.model == BASE
    probes.ready("acme", revision(2), 0.0)
    assert deployments.get("default", "triage").serving.model == OTHER


def test_a_revision_that_fails_leaves_the_old_one_serving(deployments, probes):
    deploy(deployments)
    probes.ready("acme", revision(1), 0.0)
    deployments.update("default", "triage", model=OTHER)
    probes.failed("acme", revision(2), FAILURE)
    deployment = deployments.get("default", "triage")
    assert deployment.serving.model == BASE
    assert deployment.state is DeploymentState.READY
    assert states(deployment) == [(2, RevisionState.FAILED), (1, RevisionState.READY)]


def test_a_slow_probe_of_an_older_revision_does_not_take_over(deployments, probes):
    deploy(deployments)
    deployments.update("default", "triage", model=OTHER)
    probes.ready("acme", revision(2), 0.0)
    probes.ready("acme", revision(1), 0.0)
    assert deployments.get("default", "triage").serving_revision == 2


def test_the_model_that_is_intended_already_makes_no_revision(deployments, probes):
    deploy(deployments)
    assert len(deployments.update("default", "triage", model=BASE).revisions) == 1
    probes.ready("acme", revision(1), 0.0)
    assert len(deployments.update("default", "triage", model=BASE).revisions) == 1
    deployments.update("default", "triage", model=OTHER)
    assert len(deployments.update("default", "triage", model=BASE).revisions) == 3


def test_a_model_that_failed_may_be_tried_again(deployments, probes):
    deploy(deployments)
    probes.failed("acme", revision(1), FAILURE)
    assert len(deployments.update("default", "triage", model=BASE).revisions) == 2


def test_an_update_changes_only_the_given_fields(deployments):
    deploy(deployments, display_name="Triage", description="old", tags=["a"])
    updated = deployments.update("default", "triage", description="")
    assert (updated.display_name, updated.description, updated.tags) == ("Triage", "", ("a",))
    assert deployments.update("default", "triage", tags=[]).tags == ()


def test_an_update_with_an_old_etag_is_refused(deployments):
    first = deploy(deployments)
    second = deployments.update("default", "triage", etag=first.etag, description="new")
    assert second.etag != first.etag
    with pytest.raises(AbortedError):
        deployments.update("default", "triage", etag=first.etag, description="newer")
    assert deployments.get("default", "triage") == second


def test_every_change_makes_a_new_etag_also_over_the_life_of_a_name(deployments, probes):
    etags = [deploy(deployments).etag]
    probes.ready("acme", revision(1), 0.0)
    etags.append(deployments.get("default", "triage").etag)
    deployments.delete("default", "triage")
    etags.append(deploy(deployments).etag)
    assert len(set(etags)) == 3


def test_a_rollback_serves_the_newest_ready_revision_before_at_once(deployments, probes):
    deploy(deployments)
    for number, model in ((2, OTHER), (3, THIRD)):
        deployments.update("default", "triage", model=model)
        probes.ready("acme", revision(number), 0.0)
    probes.ready("acme", revision(1), 0.0)
    assert deployments.rollback("default", "triage").serving_revision == 2
    assert deployments.rollback("default", "triage").serving_revision == 1
    with pytest.raises(FailedPreconditionError, match=r"no ready revision .* Update the deployment to the model"):
        deployments.rollback("default", "triage")
    assert deployments.rollback("default", "triage", 3).serving_revision == 3


def test_a_rollback_sent_twice_goes_back_once(deployments, probes):
    deploy(deployments)
    for number, model in ((2, OTHER), (3, THIRD)):
        deployments.update("default", "triage", model=model)
        probes.ready("acme", revision(number), 0.0)
    probes.ready("acme", revision(1), 0.0)
    request = RequestKey("RollbackDeployment", "once", "fingerprint")
    assert deployments.rollback("default", "triage", request=request).serving_revision == 2
    assert deployments.rollback("default", "triage", request=request).serving_revision == 2


def test_a_revision_probed_during_a_rollback_does_not_take_over(deployments, probes):
    deploy(deployments)
    probes.ready("acme", revision(1), 0.0)
    deployments.update("default", "triage", model=OTHER)
    assert deployments.rollback("default", "triage", 1).state is DeploymentState.READY
    probes.ready("acme", revision(2), 0.0)
    assert deployments.get("default", "triage").serving_revision == 1
    assert deployments.rollback("default", "triage", 2).serving_revision == 2


def test_a_rollback_to_what_never_served_or_is_missing_is_refused(deployments, probes):
    deploy(deployments)
    with pytest.raises(FailedPreconditionError, match="never passed"):
        deployments.rollback("default", "triage", 1)
    with pytest.raises(NotFoundError, match=r"revision 7 .* Choose one of its revisions: 1\.$"):
        deployments.rollback("default", "triage", 7)


def test_a_rollback_to_a_deleted_model_is_refused(database, deployments, probes):
    deploy(deployments, model=store_model(database))
    probes.ready("acme", revision(1), 0.5)
    deployments.update("default", "triage", model=BASE)
    probes.ready("acme", revision(2), 0.0)
    TunedModelRepository(database, "acme").delete("model-1")
    with pytest.raises(FailedPreconditionError, match="was deleted"):
        deployments.rollback("default", "triage")


def test_a_tuned_model_is_kept_while_a_deployment_serves_or_probes_it(database, deployments, probes):
    models = TunedModelRepository(database, "acme")
    deploy(deployments, model=store_model(database))
    with pytest.raises(FailedPreconditionError, match="deployments/triage serves"):
        models.delete("model-1")
    probes.ready("acme", revision(1), 0.5)
    with pytest.raises(FailedPreconditionError):
        models.delete("model-1")
    deployments.delete("default", "triage")
    assert models.delete("model-1") == "tunedModels/model-1"


def test_a_missing_space_or_model_is_named(deployments):
    with pytest.raises(NotFoundError, match="spaces/zoo"):
        deployments.create(space="zoo", id="d", serving_name="d", model=BASE)
    with pytest.raises(NotFoundError, match="tunedModels/gone"):
        deploy(deployments, model=ModelReference(tuned_model="gone"))


def test_a_taken_serving_name_or_id_is_refused_in_its_tenant_only(database, deployments):
    deploy(deployments)
    with pytest.raises(AlreadyExistsError, match="serving name triage"):
        deploy(deployments, "other", serving_name="triage")
    with pytest.raises(AlreadyExistsError, match="id triage"):
        deploy(deployments, "triage", serving_name="other")
    assert deploy(DeploymentRepository(database, store_tenant(database, "other"))).tenant == "other"


def test_a_serving_name_is_free_again_after_deletion(deployments):
    deploy(deployments)
    deployments.delete("default", "triage")
    assert deploy(deployments).serving_name == "triage"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a" * 64, "é", "\x00"])
def test_a_bad_serving_name_is_refused(deployments, name):
    with pytest.raises(InvalidArgumentError):
        deploy(deployments, "triage", serving_name=name)
    with pytest.raises(InvalidArgumentError):
        deployments.find(name)


def test_the_same_requests_again_get_the_same_deployment(deployments):
    create, update = RequestKey("CreateDeployment", "r", "f"), RequestKey("UpdateDeployment", "r", "f")
    assert deploy(deployments, request=create) == deploy(deployments, request=create)
    first = deployments.update("default", "triage", model=OTHER, request=update)
    assert deployments.update("default", "triage", model=OTHER, request=update) == first
    deployments.delete("default", "triage")
    with pytest.raises(NotFoundError, match="deleted since"):
        deploy(deployments, request=create)


def test_a_replay_is_not_answered_with_what_got_the_same_id_later(database, deployments):
    create, space = RequestKey("CreateDeployment", "r1", "f1"), RequestKey("CreateSpace", "r1", "f1")
    spaces = SpaceRepository(database, "acme")
    deploy(deployments, request=create)
    spaces.create("zoo", request=space)
    deployments.delete("default", "triage")
    spaces.delete("zoo")
    time.sleep(0.005)  # the database's clock counts milliseconds
    deploy(deployments, model=OTHER)
    spaces.create("zoo")

    with pytest.raises(NotFoundError, match="deleted since"):
        deploy(deployments, request=create)
    with pytest.raises(NotFoundError, match="deleted since"):
        spaces.create("zoo", request=space)


def test_deployments_are_listed_newest_first_by_space_in_pages(database, deployments):
    SpaceRepository(database, "acme").create("zoo")
    for name in ("a", "b", "c"):
        deploy(deployments, name)
    deployments.create(space="zoo", id="d", serving_name="d", model=BASE)
    first = deployments.list("default", ListRequest(page_size=2))
    second = deployments.list("default", ListRequest(page_size=2, page_token=first.next_page_token))
    assert [item.id for item in first.items + second.items] == ["c", "b", "a"]
    assert [item.id for item in deployments.list().items] == ["d", "c", "b", "a"]
    assert deployments.list().items[0].revisions[0].model == BASE
    with pytest.raises(NotFoundError):
        deployments.list("gone")


def test_other_tenants_deployments_cannot_be_touched(database, deployments):
    deploy(DeploymentRepository(database, store_tenant(database, "other")), "theirs")
    for attempt in (
        lambda: deployments.get("default", "theirs"),
        lambda: deployments.find("theirs"),
        lambda: deployments.update("default", "theirs", description="x"),
        lambda: deployments.rollback("default", "theirs"),
        lambda: deployments.delete("default", "theirs"),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert deployments.list().items == ()
