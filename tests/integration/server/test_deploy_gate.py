"""The policies of spaces, and the models that they accept and refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import grpc
import pytest
from sqlalchemy import select

from factories.api import (
    create_evaluation,
    create_experiment,
    create_webhook,
    make_file,
    refused,
    tuned_model,
    upload,
    wait_for_deployment,
)
from factories.servers import RunningServer
from foreword.domain.deployment import Stage
from foreword.domain.tenant import Scope
from foreword.errors import AbortedError
from foreword.server.plans.deploy_gate import DeployGate
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.tables import EvaluationRow, WebhookDeliveryRow
from foreword.v1 import (
    dataset_service_pb2,
    deploy_policy_pb2,
    deployment_pb2,
    tuned_model_service_pb2,
    webhook_service_pb2,
)
from foreword.v1 import deployment_service_pb2 as pb2

BASE = "baseModels/foreword--starter"
ZERO_SHOT = {"model": BASE, "constrained": True}
Stages = deployment_pb2.Space
Outcome = deploy_policy_pb2.DeployVerdict.Outcome
ROWS = 12
ALWAYS, NEVER = -1.0, 1.0
"""Margins that every model meets, and that none can."""


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    """Stubs of the development key, which has all scopes."""
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    return upload(stubs, make_file(ROWS)).name


@pytest.fixture(scope="module")
def models(server: RunningServer, stubs, dataset: str) -> tuple[str, str]:
    """Two tuned models, which were evaluated: the first against the base model, the second against the first."""
    first, second = (tuned_model(server, stubs) for _ in range(2))
    for systems in ((first, ZERO_SHOT), (first, second)):
        server.evaluate(create_evaluation(stubs, dataset, *systems).name)
    return first, second


def make_space(stubs, id: str, dataset: str, margin: float = 0.0, **policy: Any) -> str:
    """Create a production space and return its name."""
    policy = {"metric": "micro_f1", "dataset": dataset, "margin": margin, **policy}
    space = {"stage": Stages.STAGE_PRODUCTION, "policy": policy}
    name: str = stubs.deployments.CreateSpace(pb2.CreateSpaceRequest(space_id=id, space=space)).name
    return name


def deploy(stubs, space: str, model: str, serving_name: str, **outer: Any) -> Any:
    deployment = {"model": model, "serving_name": serving_name}
    return stubs.deployments.CreateDeployment(pb2.CreateDeploymentRequest(parent=space, deployment=deployment, **outer))


def update(stubs, name: str, model: str, **outer: Any) -> Any:
    return stubs.deployments.UpdateDeployment(
        pb2.UpdateDeploymentRequest(deployment={"name": name, "model": model}, **outer)
    )


def update_space(stubs, name: str, mask: str, **fields: Any) -> Any:
    return stubs.deployments.UpdateSpace(
        pb2.UpdateSpaceRequest(space={"name": name, **fields}, update_mask=mask_of(mask))
    )


def mask_of(paths: str) -> Any:
    return {"paths": [path for path in paths.split(",") if path]}


def test_a_new_production_space_needs_a_policy(stubs, dataset: str) -> None:
    space = {"stage": Stages.STAGE_PRODUCTION}
    without = refused(stubs.deployments.CreateSpace, pb2.CreateSpaceRequest(space_id="bare", space=space))

    assert without.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(without.violations) == {"space.policy"}
    name = make_space(stubs, "guarded", dataset)
    policy = stubs.deployments.GetSpace(pb2.GetSpaceRequest(name=name)).policy
    assert (policy.metric, policy.margin, policy.dataset, policy.min_row_count) == ("micro_f1", 0.0, dataset, ROWS)


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        ({"metric": "beauty"}, {"space.policy.metric"}),
        ({"metric": "", "dataset": "rows", "margin": float("nan")}, {"metric", "dataset", "margin"}),
        ({"min_row_count": 100_000}, {"space.policy.min_row_count"}),
    ],
)
def test_a_bad_policy_is_named_with_its_fields(stubs, dataset: str, policy: dict[str, Any], fields: set[str]) -> None:
    request = pb2.CreateSpaceRequest(
        space_id="bad", space={"policy": {"metric": "micro_f1", "dataset": dataset, **policy}}
    )

    failure = refused(stubs.deployments.CreateSpace, request)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert {field.removeprefix("space.policy.") for field in failure.violations} == {
        field.removeprefix("space.policy.") for field in fields
    }


def test_a_model_that_was_not_evaluated_is_refused_with_what_to_evaluate(server: RunningServer, stubs, dataset) -> None:
    space = make_space(stubs, "unknown", dataset, ALWAYS)
    model = tuned_model(server, stubs)

    failure = refused(lambda _: deploy(stubs, space, model, "unknown"), None)

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "POLICY_NOT_EVALUATED")
    facts = failure.metadata
    assert (facts["model"], facts["baseline"], facts["constrained"]) == (model, BASE, "true")
    assert f"foreword evaluate {dataset.rsplit('/', 1)[-1]} --system {model.rsplit('/', 1)[-1]}" in failure.message
    evaluation = create_evaluation(stubs, facts["dataset"], model, ZERO_SHOT).name
    server.evaluate(evaluation)
    verdict = deploy(stubs, space, model, "unknown").revisions[0].verdict
    assert (verdict.outcome, verdict.evaluation, verdict.baseline) == (Outcome.OUTCOME_PASSED, evaluation, BASE)
    assert verdict.value - verdict.baseline_value == pytest.approx(verdict.difference)
    assert verdict.interval.lower <= verdict.difference <= verdict.interval.upper
    assert verdict.row_count >= verdict.policy.min_row_count
    assert "Warning: tuned was tuned on all 12 rows" in verdict.explanation


def test_a_model_that_misses_the_policy_is_refused_with_the_figures(stubs, dataset: str, models) -> None:
    space = make_space(stubs, "strict", dataset, NEVER)

    failure = refused(lambda _: deploy(stubs, space, models[0], "strict"), None)

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "POLICY_NOT_MET")
    facts = failure.metadata
    assert float(facts["lower"]) <= float(facts["difference"]) <= float(facts["upper"])
    assert (float(facts["margin"]), facts["metric"], facts["baseline"]) == (NEVER, "micro_f1", BASE)
    assert int(facts["row_count"]) == ROWS
    assert f"{float(facts['value']):.3f}, that of the baseline {BASE} " in failure.message
    assert stubs.deployments.ListDeployments(pb2.ListDeploymentsRequest(parent=space)).deployments == []


def test_a_refusal_by_an_evaluation_is_an_event_and_other_refusals_are_none(
    server: RunningServer, stubs, dataset: str, models
) -> None:
    webhook = create_webhook(stubs, "https://receiver.invalid/", "deploy_gate.*")
    space = make_space(stubs, "told", dataset, NEVER)
    other = tuned_model(server, stubs)
    refused(lambda _: deploy(stubs, space, other, "told"), None)  # it was not evaluated
    refused(lambda _: deploy(stubs, space, models[0], "told", validate_only=True), None)
    found = stubs.webhooks.ListWebhookDeliveries(
        webhook_service_pb2.ListWebhookDeliveriesRequest(parent=webhook.name)
    ).deliveries
    before = len(found)
    refused(lambda _: deploy(stubs, space, models[0], "told"), None)
    (delivery,) = stubs.webhooks.ListWebhookDeliveries(
        webhook_service_pb2.ListWebhookDeliveriesRequest(parent=webhook.name)
    ).deliveries

    assert before == 0
    assert (delivery.kind, delivery.resource) == ("deploy_gate.refused", space)
    with server.database.read() as session:
        payload = json.loads(session.scalars(select(WebhookDeliveryRow.payload)).one())
    assert payload["data"]["model"] == models[0]
    assert payload["data"]["margin"] == NEVER
    assert payload["data"]["difference"] < NEVER
    stubs.webhooks.DeleteWebhook(webhook_service_pb2.DeleteWebhookRequest(name=webhook.name))


def test_only_an_administrator_forces_a_model_and_the_reason_is_stored(
    server: RunningServer, stubs, dataset: str, models
) -> None:
    space = make_space(stubs, "forced", dataset, NEVER)
    writer = server.stubs(server.new_key("dev", [Scope.WRITE, Scope.READ]))
    administrator = server.stubs(server.new_key("dev", [Scope.WRITE, Scope.READ, Scope.ADMIN]))

    refusal = refused(lambda _: deploy(writer, space, models[0], "forced", force_reason="a demo"), None)
    forced = deploy(administrator, space, models[0], "forced", force_reason="a demo")

    assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    read = writer.deployments.GetDeployment(pb2.GetDeploymentRequest(name=forced.name)).revisions[0].verdict
    assert (read.outcome, read.force_reason) == (Outcome.OUTCOME_FORCED, "a demo")
    assert read.forced_by == forced.creator
    assert read.HasField("difference")


def test_an_update_is_compared_with_what_serves_and_a_rollback_is_not_checked(stubs, dataset: str, models) -> None:
    first, second = models
    space = make_space(stubs, "live", dataset, ALWAYS)
    name = deploy(stubs, space, first, "live").name
    wait_for_deployment(stubs, name)

    updated = update(stubs, name, second)
    wait_for_deployment(stubs, name)
    update_space(stubs, space, "policy", policy={"metric": "micro_f1", "dataset": dataset, "margin": NEVER})
    back = stubs.deployments.RollbackDeployment(pb2.RollbackDeploymentRequest(name=name))

    assert updated.revisions[0].verdict.baseline == first
    assert updated.revisions[0].verdict.policy.margin == ALWAYS
    assert (back.serving_revision, back.model) == (1, first)
    assert refused(lambda _: update(stubs, name, second), None).reason == "POLICY_NOT_MET"
    assert refused(lambda _: update(stubs, name, second, canary={"share": 0.1}), None).reason == "POLICY_NOT_MET"
    assert update(stubs, name, first).serving_revision == 1
    # Neither is a base model accepted in the place of a tuned one.
    assert refused(lambda _: update(stubs, name, BASE), None).reason == "POLICY_NOT_MET"


def test_a_base_model_meets_the_policy_in_a_new_deployment(stubs, dataset: str) -> None:
    space = make_space(stubs, "plain", dataset, NEVER)

    assert not deploy(stubs, space, BASE, "plain").revisions[0].HasField("verdict")


def test_a_validated_deployment_has_a_verdict_and_is_not_created(stubs, dataset: str, models) -> None:
    space = make_space(stubs, "tried", dataset, ALWAYS)

    planned = deploy(stubs, space, models[0], "tried", validate_only=True)

    assert planned.revisions[0].verdict.outcome == Outcome.OUTCOME_PASSED
    assert stubs.deployments.ListDeployments(pb2.ListDeploymentsRequest(parent=space)).deployments == []
    name = deploy(stubs, space, models[0], "tried").name
    assert len(update(stubs, name, BASE, validate_only=True, force_reason="x").revisions) == 2
    assert len(stubs.deployments.GetDeployment(pb2.GetDeploymentRequest(name=name)).revisions) == 1


def test_an_evaluation_of_other_weights_or_of_a_base_model_asked_otherwise_does_not_count(
    server: RunningServer, stubs, models
) -> None:
    dataset = upload(stubs, make_file(ROWS)).name
    space = make_space(stubs, "retrained", dataset, ALWAYS)
    evaluation = create_evaluation(stubs, dataset, models[0], ZERO_SHOT).name
    server.evaluate(evaluation)

    def change(**fields: Any) -> None:
        """Change the stored second system, which is the base model."""
        with server.database.write() as session:
            row = session.scalars(select(EvaluationRow).where(EvaluationRow.id == evaluation.rsplit("/", 1)[-1])).one()
            tuned, base = row.config["systems"]
            row.config = {**row.config, "systems": [tuned, {**base, **fields}]}

    for fields in ({"base_revision": "former"}, {"constrained": False}, {"shots": 1}, {"instruction": "Guess."}):
        known = {"base_revision": server.plugins.base_model("foreword--starter").spec.revision}
        change(**{**known, "constrained": True, "shots": 0, "instruction": "", **fields})
        assert refused(lambda _: deploy(stubs, space, models[0], "old"), None).reason == "POLICY_NOT_EVALUATED", fields
    change(instruction="")
    assert deploy(stubs, space, models[0], "old").revisions[0].HasField("verdict")


@pytest.mark.parametrize("use", ["tuning", "validation"])
def test_a_model_that_has_seen_the_rows_of_the_policy_is_refused(server: RunningServer, stubs, use: str) -> None:
    dataset, other = upload(stubs).name, upload(stubs, make_file(30)).name
    space = make_space(stubs, f"leaking-{use}", dataset, ALWAYS)
    experiment = (
        create_experiment(stubs, dataset)
        if use == "tuning"
        else create_experiment(stubs, other, validation_dataset=dataset)
    )
    model = server.tune_by_hand(experiment.name)

    failure = refused(lambda _: deploy(stubs, space, model, f"leaking-{use}"), None)

    assert failure.reason == "POLICY_NOT_MET"
    assert "tuned on the rows of the policy, or they chose its best epoch" in failure.message


def test_a_model_at_the_end_of_a_chain_of_starts_that_has_seen_the_rows_of_the_policy_is_refused(
    server: RunningServer, stubs
) -> None:
    dataset, other = upload(stubs).name, upload(stubs, make_file(30)).name
    space = make_space(stubs, "continued", dataset, ALWAYS)
    first = server.tune_by_hand(create_experiment(stubs, dataset).name)
    second = server.tune_by_hand(create_experiment(stubs, other, parameters={"init_tuned_model": first}).name)
    stubs.tuned_models.DeleteTunedModel(tuned_model_service_pb2.DeleteTunedModelRequest(name=first))
    third = server.tune_by_hand(create_experiment(stubs, other, parameters={"init_tuned_model": second}).name)

    for model in (second, third):
        failure = refused(lambda _, model=model: deploy(stubs, space, model, "continued"), None)
        assert failure.reason == "POLICY_NOT_MET"
        assert "a model that it started from, was tuned on the rows of the policy" in failure.message


def test_only_an_administrator_deletes_what_serves_in_a_space_with_a_policy(
    server: RunningServer, stubs, dataset: str
) -> None:
    space = make_space(stubs, "kept", dataset)
    writer = server.stubs(server.new_key("dev", [Scope.WRITE, Scope.READ]))
    free = deploy(writer, "tenants/dev/spaces/default", BASE, "ungated").name
    kept = deploy(writer, space, BASE, "kept").name
    wait_for_deployment(stubs, kept)

    def delete(by: Any, name: str) -> Any:
        return by.deployments.DeleteDeployment(pb2.DeleteDeploymentRequest(name=name))

    failure = refused(lambda _: delete(writer, kept), None)

    assert (failure.code, failure.metadata["scope"]) == (grpc.StatusCode.PERMISSION_DENIED, "admin")
    taken = refused(lambda _: deploy(writer, "tenants/dev/spaces/default", BASE, "kept"), None)
    assert taken.code is grpc.StatusCode.ALREADY_EXISTS
    delete(stubs, kept)
    delete(writer, free)


def test_a_space_is_updated_by_its_mask_unless_its_etag_is_outdated(stubs) -> None:
    name = stubs.deployments.CreateSpace(pb2.CreateSpaceRequest(space_id="changing", space={"tags": ["a"]})).name

    changed = update_space(stubs, name, "description,tags", description="For trials.")
    by_default = update_space(stubs, name, "", display_name="Trials")

    assert (changed.description, list(changed.tags), changed.display_name) == ("For trials.", [], "changing")
    assert (by_default.description, by_default.display_name) == ("For trials.", "Trials")
    assert refused(lambda _: update_space(stubs, name, "tags", etag=changed.etag), None).code is grpc.StatusCode.ABORTED
    unknown = refused(lambda _: update_space(stubs, name, "creator,colour"), None)
    assert set(unknown.violations) == {"update_mask.paths[0]", "update_mask.paths[1]"}


def test_only_an_administrator_changes_a_policy_that_is_set(server: RunningServer, stubs, dataset: str) -> None:
    writer = server.stubs(server.new_key("dev", [Scope.WRITE, Scope.READ]))
    name = stubs.deployments.CreateSpace(pb2.CreateSpaceRequest(space_id="owned")).name
    policy = {"metric": "micro_f1", "dataset": dataset}

    first = update_space(writer, name, "policy,stage", policy=policy, stage=Stages.STAGE_PRODUCTION)
    again = update_space(writer, name, "policy", policy=first.policy)
    looser = refused(lambda _: update_space(writer, name, "policy", policy={**policy, "margin": ALWAYS}), None)
    removed = refused(lambda _: update_space(writer, name, "stage,policy"), None)
    deleted = refused(lambda _: writer.deployments.DeleteSpace(pb2.DeleteSpaceRequest(name=name)), None)

    assert again.policy == first.policy
    assert looser.code is removed.code is deleted.code is grpc.StatusCode.PERMISSION_DENIED
    assert update_space(stubs, name, "policy", policy={**policy, "margin": ALWAYS}).policy.margin == ALWAYS
    bare = refused(lambda _: update_space(stubs, name, "policy"), None)
    assert (bare.code, bare.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "POLICY_REQUIRED")
    assert not update_space(stubs, name, "stage,policy").HasField("policy")


def test_a_production_space_of_an_earlier_version_is_warned_and_works_on(server: RunningServer, stubs) -> None:
    SpaceRepository(server.database, "dev").create("former", stage=Stage.PRODUCTION)
    name = "tenants/dev/spaces/former"

    changed = update_space(stubs, name, "description", description="x")

    assert [item.code for item in changed.warnings] == ["PRODUCTION_WITHOUT_POLICY"]
    assert not deploy(stubs, name, BASE, "former").revisions[0].HasField("verdict")


def test_repeated_requests_for_a_space_succeed_although_the_dataset_of_the_policy_is_gone(stubs) -> None:
    former, later = (upload(stubs, make_file(rows)).name for rows in (ROWS, ROWS + 1))
    policy = {"metric": "micro_f1", "dataset": former}
    create = pb2.CreateSpaceRequest(space_id="repeated", space={"policy": policy}, request_id="repeated-create")
    name = stubs.deployments.CreateSpace(create).name
    update = pb2.UpdateSpaceRequest(
        space={"name": name, "tags": ["x"], "policy": policy},
        update_mask=mask_of("tags,policy"),
        request_id="repeated-update",
    )
    stubs.deployments.UpdateSpace(update)
    moved = update_space(stubs, name, "policy", policy={"metric": "micro_f1", "dataset": later})
    stubs.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(name=former))

    assert stubs.deployments.CreateSpace(create) == moved
    assert stubs.deployments.UpdateSpace(update) == moved


def test_the_dataset_of_a_policy_is_kept(stubs) -> None:
    dataset = upload(stubs, make_file(ROWS)).name
    space = make_space(stubs, "keeping", dataset)

    failure = refused(stubs.datasets.DeleteDataset, dataset_service_pb2.DeleteDatasetRequest(name=dataset))

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RESOURCE_IN_USE")
    assert failure.metadata["user"] == space


def test_a_model_that_another_policy_admitted_is_not_deployed(server: RunningServer, stubs, dataset: str) -> None:
    make_space(stubs, "raced", dataset, NEVER)
    deployments = DeploymentRepository(server.database, "dev")
    model = deployments.list().items[0].revisions[0].model

    with pytest.raises(AbortedError, match="changed at the same time"):
        deployments.create(space="raced", id="raced", serving_name="raced", model=model)


def test_a_model_that_passed_the_gate_as_the_one_that_is_coming_is_checked_once_it_is_not(
    server: RunningServer, stubs, dataset: str, models
) -> None:
    first, second = models
    space = make_space(stubs, "overtaken", dataset, ALWAYS)
    name = deploy(stubs, space, first, "overtaken").name
    gate = DeployGate(database=server.database, plugins=server.plugins)
    deployments = DeploymentRepository(server.database, "dev")
    id = name.rsplit("/", 1)[-1]
    known = deployments.get("overtaken", id).revisions[0].model
    admission = gate.admit("dev", "overtaken", known, deployment=id)
    wait_for_deployment(stubs, name)
    served = replace(admission, serving=known)

    assert deployments.update("overtaken", id, model=known, admission=served).serving_revision == 1
    update(stubs, name, second)
    with pytest.raises(AbortedError, match="changed at the same time"):
        deployments.update("overtaken", id, model=known, admission=served)


def test_a_taken_serving_name_is_told_before_an_evaluation_is_asked_for(server: RunningServer, stubs, dataset) -> None:
    space = make_space(stubs, "twice", dataset, NEVER)
    deploy(stubs, space, BASE, "twice")

    failure = refused(lambda _: deploy(stubs, space, tuned_model(server, stubs), "twice"), None)

    assert failure.code is grpc.StatusCode.ALREADY_EXISTS
