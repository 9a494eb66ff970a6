from __future__ import annotations

import grpc
import pytest
from google.protobuf import field_mask_pb2

from factories.api import deployed, deployment_request, refused, tuned_model, wait_for_deployment
from factories.servers import RunningServer
from foreword.domain.tuned_model import TENSORS_FILE
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.v1 import deployment_pb2, inference_service_pb2, tuned_model_service_pb2
from foreword.v1 import deployment_service_pb2 as pb2

BASE = "baseModels/foreword--starter"
State = deployment_pb2.Deployment.State


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


def generate(stubs, model: str):
    return stubs.inference.Generate(inference_service_pb2.GenerateRequest(model=model, text="Two screws are missing."))


def update(stubs, name: str, etag: str = "", mask: list[str] | None = None, **fields):
    deployment = deployment_pb2.Deployment(name=name, etag=etag, **fields)
    return stubs.deployments.UpdateDeployment(
        pb2.UpdateDeploymentRequest(deployment=deployment, update_mask=field_mask_pb2.FieldMask(paths=mask or []))
    )


def spoil_artifact(server: RunningServer, model: str, change: bytes = b"spoilt") -> None:
    """Overwrite the tensors of a tuned model in the store."""
    (folder,) = (server.settings.home / "artifacts").rglob(model.rsplit("/", 1)[1])
    (folder / TENSORS_FILE).write_bytes(change)


def test_a_tuned_model_serves_once_its_prompt_was_seen_to_act(server: RunningServer, stubs):
    model = tuned_model(server, stubs)

    created = stubs.deployments.CreateDeployment(deployment_request(model, serving_name="complaints"))
    ready = wait_for_deployment(stubs, created.name)

    assert created.state == State.STATE_INITIALIZING
    assert created.name == "tenants/dev/spaces/default/deployments/complaints"
    assert ready.state == State.STATE_READY
    assert ready.serving_revision == 1
    assert ready.revisions[0].probe_effect > 0.001
    assert generate(stubs, "complaints").model_version == model
    assert generate(stubs, created.name).model_version == model


def test_a_base_model_can_be_deployed(stubs):
    created = stubs.deployments.CreateDeployment(deployment_request(BASE, deployment_id="Base_2024-01"))
    ready = wait_for_deployment(stubs, created.name)

    assert (ready.serving_name, ready.display_name) == ("Base_2024-01", "Base_2024-01")
    assert ready.state == State.STATE_READY
    assert ready.revisions[0].probe_effect == 0
    assert generate(stubs, "Base_2024-01").model_version == BASE


def test_a_deployment_without_id_or_name_gets_one(stubs):
    created = stubs.deployments.CreateDeployment(deployment_request(BASE))

    assert created.serving_name
    assert created.name.endswith(created.serving_name)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": ""}, "deployment.model"),
        ({"model": "starter"}, "deployment.model"),
        ({"serving_name": "not allowed"}, "deployment.serving_name"),
        ({"deployment_id": "x" * 64}, "deployment_id"),
        ({"parent": "tenants/dev"}, "parent"),
        ({"display_name": "x" * 201}, "deployment.display_name"),
        ({"tags": ["x"] * 21}, "deployment.tags"),
        ({"tags": ["x" * 64]}, "deployment.tags[0]"),
        ({"request_id": "x" * 65}, "request_id"),
    ],
)
def test_a_bad_value_is_named_with_its_field(stubs, fields: dict, field: str):
    failure = refused(stubs.deployments.CreateDeployment, deployment_request(**{"model": BASE, **fields}))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {field}


@pytest.mark.parametrize(
    ("fields", "resource"),
    [
        ({"model": "tenants/dev/tunedModels/none"}, "tenants/dev/tunedModels/none"),
        ({"model": "baseModels/none"}, "baseModels/none"),
        ({"model": BASE, "parent": "tenants/dev/spaces/none"}, "tenants/dev/spaces/none"),
    ],
)
def test_a_model_or_space_that_does_not_exist_is_not_found(stubs, fields: dict, resource: str):
    failure = refused(stubs.deployments.CreateDeployment, deployment_request(**fields))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.resource == resource


def test_a_serving_name_is_given_once(stubs):
    stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="once"))

    failure = refused(
        stubs.deployments.CreateDeployment, deployment_request(BASE, serving_name="once", deployment_id="other")
    )

    assert failure.code is grpc.StatusCode.ALREADY_EXISTS


def test_an_update_serves_the_old_model_until_the_new_one_has_passed_and_rollback_goes_back_at_once(
    server: RunningServer, stubs
):
    first = deployed(server, stubs, "rolling")
    second = tuned_model(server, stubs)

    updated = update(stubs, first.name, model=second)
    assert updated.state == State.STATE_UPDATING
    assert updated.model == second
    assert updated.serving_revision == 1
    ready = wait_for_deployment(stubs, first.name)
    assert ready.serving_revision == 2
    assert generate(stubs, "rolling").model_version == second

    back = stubs.deployments.RollbackDeployment(pb2.RollbackDeploymentRequest(name=first.name))
    assert back.serving_revision == 1
    assert generate(stubs, "rolling").model_version == first.model


def test_an_update_changes_only_what_the_mask_names(stubs):
    name = stubs.deployments.CreateDeployment(
        deployment_request(BASE, serving_name="masked", display_name="before", description="kept")
    ).name

    changed = update(stubs, name, mask=["display_name"], display_name="after", description="ignored")
    cleared = update(stubs, name, mask=["description"])
    unmasked = update(stubs, name, tags=["a"])

    assert (changed.display_name, changed.description) == ("after", "kept")
    assert (cleared.display_name, cleared.description) == ("after", "")
    assert list(unmasked.tags) == ["a"]


def test_an_unknown_or_fixed_field_in_the_mask_is_refused(stubs):
    name = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="fixed")).name

    failure = refused(update, stubs, name, mask=["serving_name", "colour"], serving_name="x")

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {"update_mask.paths[0]", "update_mask.paths[1]"}


def test_a_mask_of_many_fields_is_refused_without_a_look_at_each(stubs):
    name = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="many")).name

    failure = refused(update, stubs, name, mask=["display_name"] * 101, display_name="x")

    assert failure.violations == {"update_mask.paths": "must hold at most 100, not 101"}


def test_an_old_etag_is_refused(stubs):
    created = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="etag"))
    ready = wait_for_deployment(stubs, created.name)
    update(stubs, created.name, etag=ready.etag, display_name="first")

    failure = refused(update, stubs, created.name, etag=ready.etag, display_name="second")

    assert failure.code is grpc.StatusCode.ABORTED


def test_rolling_back_to_what_never_served_is_refused(stubs):
    name = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="nowhere")).name
    wait_for_deployment(stubs, name)

    before_first = refused(stubs.deployments.RollbackDeployment, pb2.RollbackDeploymentRequest(name=name))
    unknown = refused(stubs.deployments.RollbackDeployment, pb2.RollbackDeploymentRequest(name=name, revision=7))
    negative = refused(stubs.deployments.RollbackDeployment, pb2.RollbackDeploymentRequest(name=name, revision=-1))

    assert before_first.code is grpc.StatusCode.FAILED_PRECONDITION
    assert unknown.code is grpc.StatusCode.NOT_FOUND
    assert set(negative.violations) == {"revision"}


def test_a_model_that_is_served_cannot_be_deleted(server: RunningServer, stubs):
    ready = deployed(server, stubs, "in-use")

    failure = refused(
        stubs.tuned_models.DeleteTunedModel, tuned_model_service_pb2.DeleteTunedModelRequest(name=ready.model)
    )

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert ready.name in failure.message


def test_rolling_back_to_a_deleted_model_is_refused_with_the_model_named(server: RunningServer, stubs):
    first = deployed(server, stubs, "deleted-behind")
    update(stubs, first.name, model=BASE)
    wait_for_deployment(stubs, first.name)
    stubs.tuned_models.DeleteTunedModel(tuned_model_service_pb2.DeleteTunedModelRequest(name=first.model))

    failure = refused(stubs.deployments.RollbackDeployment, pb2.RollbackDeploymentRequest(name=first.name, revision=1))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "MODEL_DELETED"


def test_a_corrupt_adapter_fails_the_probe_with_a_reason(server: RunningServer, stubs):
    model = tuned_model(server, stubs)
    spoil_artifact(server, model)
    created = stubs.deployments.CreateDeployment(deployment_request(model, serving_name="corrupt"))

    failed = wait_for_deployment(stubs, created.name)
    answer = refused(generate, stubs, "corrupt")

    assert failed.state == State.STATE_FAILED
    assert failed.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert failed.error.message
    assert failed.revisions[0].state == deployment_pb2.DeploymentRevision.STATE_FAILED
    assert answer.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failed.error.message[:40] in answer.message


def test_an_adapter_that_was_spoilt_after_it_was_served_fails_the_probe_all_the_same(server: RunningServer, stubs):
    warm = deployed(server, stubs, "warm")
    generate(stubs, "warm")
    spoil_artifact(server, warm.model)

    created = stubs.deployments.CreateDeployment(deployment_request(warm.model, serving_name="spoilt-later"))
    other = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="spoilt-update"))
    wait_for_deployment(stubs, other.name)
    update(stubs, other.name, model=warm.model)
    updated = wait_for_deployment(stubs, other.name)

    assert wait_for_deployment(stubs, created.name).state == State.STATE_FAILED
    assert (updated.state, updated.model) == (State.STATE_READY, BASE)
    assert updated.error.message
    assert generate(stubs, "warm").model_version == warm.model


def test_an_artifact_that_is_lost_fails_the_probe(server: RunningServer, stubs):
    model = tuned_model(server, stubs)
    server.artifacts.delete(f"tenants/dev/tunedModels/{model.rsplit('/', 1)[1]}")
    created = stubs.deployments.CreateDeployment(deployment_request(model, serving_name="lost"))

    assert wait_for_deployment(stubs, created.name).state == State.STATE_FAILED


def test_a_failed_update_leaves_the_old_revision_serving(server: RunningServer, stubs):
    ready = deployed(server, stubs, "stays")
    broken = tuned_model(server, stubs)
    spoil_artifact(server, broken)

    update(stubs, ready.name, model=broken)
    after = wait_for_deployment(stubs, ready.name)

    assert after.state == State.STATE_READY
    assert after.model == ready.model
    assert after.error.message
    assert generate(stubs, "stays").model_version == ready.model


def test_a_deleted_deployment_answers_no_more_and_its_name_is_free(stubs):
    name = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="short-lived")).name
    wait_for_deployment(stubs, name)
    generate(stubs, "short-lived")

    stubs.deployments.DeleteDeployment(pb2.DeleteDeploymentRequest(name=name))

    assert refused(generate, stubs, "short-lived").code is grpc.StatusCode.NOT_FOUND
    stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="short-lived"))


def test_a_change_made_by_another_replica_is_seen_within_a_second(server: RunningServer, stubs):
    name = stubs.deployments.CreateDeployment(deployment_request(BASE, serving_name="replica")).name
    wait_for_deployment(stubs, name)
    generate(stubs, "replica")

    DeploymentRepository(server.database, "dev").delete("default", "replica")
    server.pass_time(1.05)

    assert refused(generate, stubs, "replica").code is grpc.StatusCode.NOT_FOUND


def test_spaces_are_created_listed_and_deleted_when_empty(stubs):
    created = stubs.deployments.CreateSpace(
        pb2.CreateSpaceRequest(
            space_id="live",
            space=deployment_pb2.Space(stage=deployment_pb2.Space.STAGE_DEVELOPMENT, tags=["live"]),
        )
    )
    inside = stubs.deployments.CreateDeployment(deployment_request(BASE, parent=created.name, serving_name="inside"))
    listed = stubs.deployments.ListSpaces(pb2.ListSpacesRequest()).spaces
    here = stubs.deployments.ListDeployments(pb2.ListDeploymentsRequest(parent=created.name)).deployments
    everywhere = stubs.deployments.ListDeployments(
        pb2.ListDeploymentsRequest(parent="tenants/dev/spaces/-", page_size=1000)
    ).deployments

    assert (created.display_name, created.stage) == ("live", deployment_pb2.Space.STAGE_DEVELOPMENT)
    assert [space.name for space in listed] == ["tenants/dev/spaces/default", "tenants/dev/spaces/live"]
    assert [item.name for item in here] == [inside.name]
    assert inside.name in [item.name for item in everywhere]
    request = pb2.DeleteSpaceRequest(name=created.name)
    assert refused(stubs.deployments.DeleteSpace, request).code is grpc.StatusCode.FAILED_PRECONDITION
    stubs.deployments.DeleteDeployment(pb2.DeleteDeploymentRequest(name=inside.name))
    stubs.deployments.DeleteSpace(request)
    assert refused(stubs.deployments.DeleteSpace, request).code is grpc.StatusCode.NOT_FOUND


def test_the_default_space_stays(stubs):
    failure = refused(stubs.deployments.DeleteSpace, pb2.DeleteSpaceRequest(name="tenants/dev/spaces/default"))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        ({"space_id": ""}, "space_id"),
        ({"space_id": "No"}, "space_id"),
        ({"space_id": "ok", "space": {"stage": 9}}, "space.stage"),
        ({"space_id": "ok", "space": {"description": "x" * 2001}}, "space.description"),
    ],
)
def test_a_bad_space_is_named_with_its_field(stubs, request_fields: dict, field: str):
    failure = refused(stubs.deployments.CreateSpace, pb2.CreateSpaceRequest(**request_fields))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {field}
