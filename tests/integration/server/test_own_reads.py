"""A key with only the scope `write` can read only the resources that it has created, through every RPC."""

from __future__ import annotations

import itertools
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor

from factories.api import (
    create_batch_job,
    create_evaluation,
    create_experiment,
    create_saved_prompt,
    create_sweep,
    deployment_request,
    failure_of,
    make_file,
    refused,
    upload,
    upload_messages,
    wait_for_deployment,
)
from factories.rpcs import rpc_of
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.tenant import Scope
from foreword.server.callers.scopes import NEEDS_READ, READ_FOR_INFERENCE, SCOPES
from foreword.server.registration import SERVICES
from foreword.v1 import (
    capture_service_pb2,
    dataset_service_pb2,
    deployment_service_pb2,
    saved_prompt_service_pb2,
    tune_experiment_service_pb2,
)

READ_ONE = {
    "GetDataset": "dataset",
    "ListDatasetRows": "dataset",
    "GetSpace": "space",
    "GetSavedPrompt": "saved prompt",
    "ListSavedPromptVersions": "saved prompt",
    "GetDeployment": "deployment",
    "GetTuneExperiment": "experiment",
    "WatchTuneExperiment": "experiment",
    "GetTuneSweep": "sweep",
    "GetEvaluation": "evaluation",
    "WatchEvaluation": "evaluation",
    "ListEvaluationRows": "evaluation",
    "GetBatchJob": "batch job",
    "WatchBatchJob": "batch job",
    "ListBatchAnswers": "batch job",
    "ListCapturedRequests": "deployment",
    "MeasureDrift": "deployment",
    "GetTunedModel": "model",
    "ExportTunedModel": "model",
}
"""RPCs that read one resource, and the kind of it."""
READ_SEVERAL = {"CompareTuneExperiments": "experiment"}
"""RPCs that read several resources by their names, and the kind of them."""
LIST = {
    "ListDatasets": "dataset",
    "ListSpaces": "space",
    "ListSavedPrompts": "saved prompt",
    "ListDeployments": "deployment",
    "ListTuneExperiments": "experiment",
    "ListTuneSweeps": "sweep",
    "ListEvaluations": "evaluation",
    "ListBatchJobs": "batch job",
    "ListTunedModels": "model",
}
"""RPCs that list a kind of resource."""
READ_ALL = {"GetWebhook", "ListWebhooks", "ListWebhookDeliveries", "ListUsage"}
"""RPCs about webhooks, which get the events of all resources, and about usage, which is that of the whole tenant."""
READ_NOTHING_STORED = {"CheckDataset"}
CHANGE = {
    "CancelBatchJob": "queued batch job",
    "CancelEvaluation": "queued evaluation",
    "CancelTuneExperiment": "queued experiment",
    "CancelTuneSweep": "queued sweep",
    "UpdateSpace": "space",
    "UpdateSavedPrompt": "saved prompt",
    "UpdateTuneExperiment": "experiment",
    "UpdateTunedModel": "model",
    "UpdateDeployment": "changing deployment",
    "RollbackDeployment": "changing deployment",
    "PromoteDeployment": "rolling deployment",
}
"""RPCs that change one resource and answer with it, and the kind of it."""
REPEAT = {"RetryBatchJob": "batch job", "RetryEvaluation": "evaluation", "RetryTuneExperiment": "experiment"}
"""RPCs that make a resource out of another one, which they read."""
METHODS = [method for service in SERVICES for method in descriptor_pool.Default().FindServiceByName(service).methods]


def scope_of(method: MethodDescriptor) -> Scope | None:
    return SCOPES[f"/{method.containing_service.full_name}/{method.name}"]


def of_scope(scope: Scope | None) -> list[Any]:
    return [pytest.param(method, id=method.name) for method in METHODS if scope_of(method) is scope]


def named(table: dict[str, str]) -> list[Any]:
    return [pytest.param(method, table[method.name], id=method.name) for method in METHODS if method.name in table]


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def keys(server: RunningServer) -> dict[str, Any]:
    """Stubs of five keys, of which only `maker` creates resources."""
    return {
        "maker": server.stubs(server.new_key("acme", [Scope.WRITE])),
        "sibling": server.stubs(server.new_key("acme", [Scope.WRITE])),
        "stranger": server.stubs(server.new_key("other", [Scope.WRITE])),
        "reader": server.stubs(server.new_key("acme", [Scope.READ])),
        "foreign reader": server.stubs(server.new_key("other", [Scope.READ])),
    }


@pytest.fixture(scope="module")
def made(server: RunningServer, keys: dict[str, Any]) -> dict[str, str]:
    """The name of one resource of each kind that `maker` has created, and that of another experiment."""
    stubs = keys["maker"]
    dataset = upload(stubs).name
    model = server.tune_by_hand(create_experiment(stubs, dataset).name)
    space = stubs.deployments.CreateSpace(deployment_service_pb2.CreateSpaceRequest(space_id="live"))
    request = deployment_service_pb2.CreateDeploymentRequest(parent=space.name, deployment={"model": model})
    evaluation = create_evaluation(stubs, dataset, model).name
    server.evaluate(evaluation)
    batch_job = create_batch_job(stubs, dataset).name
    server.evaluate(batch_job)
    return {
        "dataset": dataset,
        "space": space.name,
        "deployment": stubs.deployments.CreateDeployment(request).name,
        "experiment": create_experiment(stubs, dataset).name,  # queued, so that a watch of it does not end by itself
        "other experiment": create_experiment(stubs, dataset).name,
        "saved prompt": create_saved_prompt(stubs).name,
        "sweep": create_sweep(stubs, dataset).name,
        "evaluation": evaluation,
        "batch job": batch_job,
        "model": model,
    }


@pytest.fixture(scope="module")
def changing(server: RunningServer, keys: dict[str, Any], made: dict[str, str]) -> dict[str, str]:
    """The names of resources that `maker` has created, and that tests may change."""
    stubs, reader = keys["maker"], keys["reader"]
    dataset, base = made["dataset"], "baseModels/foreword--starter"
    names = dict(made)
    for kind in ("changing deployment", "rolling deployment"):
        names[kind] = stubs.deployments.CreateDeployment(deployment_request(base, description="private")).name
        wait_for_deployment(reader, names[kind])
        stubs.deployments.UpdateDeployment(
            deployment_service_pb2.UpdateDeploymentRequest(
                deployment={"name": names[kind], "model": made["model"]},
                canary={"share": 0.1} if kind == "rolling deployment" else None,
            )
        )
        wait_for_deployment(reader, names[kind])
    names["queued experiment"] = create_experiment(stubs, dataset, description="private").name
    names["queued sweep"] = create_sweep(stubs, dataset).name
    names["queued evaluation"] = create_evaluation(stubs, dataset, made["model"]).name
    names["queued batch job"] = create_batch_job(stubs, dataset).name
    return names


def change(method: MethodDescriptor, name: str) -> dict[str, Any]:
    """The fields of a request that changes nothing if that is possible."""
    first = method.input_type.fields[0]
    return {first.name: {"name": name}} if first.message_type else {"name": name}


def call(stubs: Any, method: MethodDescriptor, **fields: Any) -> Any:
    """The first answer of an RPC, or the code with which it fails."""
    request = message_factory.GetMessageClass(method.input_type)(**fields)
    rpc = rpc_of(stubs, method)
    try:
        answer = rpc(iter([request]) if method.client_streaming else request, timeout=30)
        if not method.server_streaming:
            return answer
        first = next(answer)
        answer.cancel()
        return first
    except grpc.RpcError as error:
        return failure_of(error).code


def test_every_reading_rpc_is_in_one_table() -> None:
    reading = {method.name for method in METHODS if scope_of(method) is Scope.READ}

    assert reading == READ_ONE.keys() | READ_SEVERAL.keys() | LIST.keys() | READ_ALL | READ_NOTHING_STORED


def to_read(method: MethodDescriptor, made: dict[str, str], kind: str, name: str = "") -> dict[str, Any]:
    """The fields of a request for a resource, and for another one if the RPC reads several."""
    name = name or made[kind]
    if method.name not in READ_ONE:
        return {"names": [name, made[f"other {kind}"]]}
    return {"name" if "name" in method.input_type.fields_by_name else "parent": name}


@pytest.mark.parametrize(("method", "kind"), named(READ_ONE | READ_SEVERAL))
def test_a_resource_is_read_by_its_maker_and_by_readers_of_the_tenant_only(
    keys: dict[str, Any], made: dict[str, str], method: MethodDescriptor, kind: str
) -> None:
    answers = {who: call(stubs, method, **to_read(method, made, kind)) for who, stubs in keys.items()}

    for who in ("maker", "reader"):
        assert not isinstance(answers[who], grpc.StatusCode), who
    for who in ("sibling", "stranger", "foreign reader"):
        assert answers[who] is grpc.StatusCode.NOT_FOUND, who


@pytest.mark.parametrize(("method", "kind"), named(READ_ONE | READ_SEVERAL))
def test_a_resource_of_another_key_reads_like_one_that_never_was(
    keys: dict[str, Any], made: dict[str, str], method: MethodDescriptor, kind: str
) -> None:
    def failure(name: str) -> Any:
        fields = to_read(method, made, kind, name)
        request = message_factory.GetMessageClass(method.input_type)(**fields)
        rpc = rpc_of(keys["sibling"], method)
        return refused(rpc, request, timeout=30)

    nobodys = f"{made[kind]}-gone"
    theirs, none = failure(made[kind]), failure(nobodys)

    assert theirs.message.replace(made[kind], "NAME") == none.message.replace(nobodys, "NAME")
    assert (theirs.code, theirs.reason, set(theirs.metadata)) == (none.code, none.reason, set(none.metadata))


@pytest.mark.parametrize("validate_only", [False, True])
def test_an_experiment_on_a_dataset_that_the_key_cannot_read_fails_as_on_a_missing_one(
    keys: dict[str, Any], made: dict[str, str], validate_only: bool
) -> None:
    def failure(dataset: str) -> Any:
        request = tune_experiment_service_pb2.CreateTuneExperimentRequest(
            tune_experiment={"display_name": "mine", "dataset": dataset}, validate_only=validate_only
        )
        return refused(keys["sibling"].experiments.CreateTuneExperiment, request)

    theirs, missing = failure(made["dataset"]), failure(f"{made['dataset']}-gone")

    assert theirs.code is missing.code is grpc.StatusCode.NOT_FOUND
    assert theirs.message.replace(made["dataset"], "NAME") == missing.message.replace(f"{made['dataset']}-gone", "NAME")


@pytest.mark.parametrize(("method", "kind"), named(LIST))
def test_a_list_holds_what_the_key_has_made(
    keys: dict[str, Any], made: dict[str, str], method: MethodDescriptor, kind: str
) -> None:
    listed = {who: str(call(stubs, method)) for who, stubs in keys.items()}

    for who in ("maker", "reader"):
        assert f'"{made[kind]}"' in listed[who], who
    for who in ("sibling", "stranger"):
        assert listed[who] == "", who
    assert f'"{made[kind]}"' not in listed["foreign reader"]


def test_pages_of_a_limited_list_skip_nothing_and_belong_to_the_key(server: RunningServer) -> None:
    first, second = (server.stubs(server.new_key("paged", [Scope.WRITE])) for _ in range(2))
    mine = [upload(stubs).name for stubs, _ in zip(itertools.cycle([first, second]), range(6), strict=False)][::2]

    names, token = [], ""
    while True:
        request = dataset_service_pb2.ListDatasetsRequest(page_size=2, page_token=token)
        page = first.datasets.ListDatasets(request)
        names += [item.name for item in page.datasets]
        token = page.next_page_token or ""
        if not token:
            break
        with pytest.raises(grpc.RpcError) as caught:
            second.datasets.ListDatasets(dataset_service_pb2.ListDatasetsRequest(page_size=2, page_token=token))
        assert failure_of(caught.value).code is grpc.StatusCode.INVALID_ARGUMENT

    assert names == mine[::-1]


def test_a_key_that_writes_may_check_what_it_is_about_to_upload(keys: dict[str, Any]) -> None:
    messages = upload_messages(make_file(), dataset_service_pb2.CheckDatasetRequest, display_name="")

    assert keys["maker"].datasets.CheckDataset(messages).report.usable_row_count == 30


@pytest.mark.parametrize("method", of_scope(Scope.ADMIN) + of_scope(Scope.TENANT_ADMIN) + of_scope(Scope.INFER))
def test_administration_and_inference_stay_denied_to_a_key_that_writes(
    keys: dict[str, Any], method: MethodDescriptor
) -> None:
    other = {"name": "tenants/acme/apiKeys/0123456789abcdef"} if method.name == "DeleteApiKey" else {}

    assert call(keys["maker"], method, **other) is grpc.StatusCode.PERMISSION_DENIED


def needs_read(method: MethodDescriptor) -> bool:
    return f"/{method.containing_service.full_name}/{method.name}" in NEEDS_READ


@pytest.mark.parametrize("method", [method for method in METHODS if needs_read(method)])
def test_a_key_that_cannot_read_has_no_webhook_through_which_it_could_and_no_usage(
    keys: dict[str, Any], method: MethodDescriptor
) -> None:
    request = message_factory.GetMessageClass(method.input_type)()

    failure = refused(rpc_of(keys["maker"], method), request)

    assert (failure.code, failure.metadata) == (grpc.StatusCode.PERMISSION_DENIED, {"scope": "read"})


@pytest.mark.parametrize("method", of_scope(Scope.WRITE))
def test_a_key_that_reads_writes_nothing(keys: dict[str, Any], method: MethodDescriptor) -> None:
    assert call(keys["reader"], method) is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("method", of_scope(Scope.READ))
@pytest.mark.parametrize("scope", [Scope.INFER, Scope.ADMIN])
def test_keys_without_write_and_read_read_nothing(
    server: RunningServer, method: MethodDescriptor, scope: Scope
) -> None:
    answer = call(server.stubs(server.new_key("acme", [scope])), method)

    allowed = scope is Scope.INFER and f"/{method.containing_service.full_name}/{method.name}" in READ_FOR_INFERENCE
    assert (answer is grpc.StatusCode.PERMISSION_DENIED) is not allowed


def test_a_key_that_infers_reads_every_saved_prompt_whole(server: RunningServer, made: dict[str, str]) -> None:
    name = made["saved prompt"]
    for scopes in ([Scope.INFER], [Scope.INFER, Scope.WRITE]):
        stubs = server.stubs(server.new_key("acme", scopes)).saved_prompts

        found = stubs.GetSavedPrompt(saved_prompt_service_pb2.GetSavedPromptRequest(name=name))
        listed = stubs.ListSavedPrompts(saved_prompt_service_pb2.ListSavedPromptsRequest())
        versions = stubs.ListSavedPromptVersions(
            saved_prompt_service_pb2.ListSavedPromptVersionsRequest(parent=name, view="RESOURCE_VIEW_FULL")
        )

        assert found.version.text == versions.versions[-1].text != ""
        assert name in [item.name for item in listed.saved_prompts]


@pytest.mark.parametrize("method", of_scope(None))
def test_what_needs_no_scope_is_answered(keys: dict[str, Any], method: MethodDescriptor) -> None:
    fields = {"name": "baseModels/foreword--starter"} if method.name == "GetBaseModel" else {}

    assert not isinstance(call(keys["maker"], method, **fields), grpc.StatusCode)


def answers_with_a_resource(method: MethodDescriptor) -> bool:
    return "creator" in method.output_type.fields_by_name and not needs_read(method)


def test_every_rpc_that_changes_a_resource_and_answers_with_it_is_in_one_table() -> None:
    creating = {
        method.name for method in METHODS if method.name.startswith("Create") or method.name == "ExportCapturedRequests"
    }
    changing = {
        method.name for method in METHODS if scope_of(method) is Scope.WRITE and answers_with_a_resource(method)
    }

    assert changing - creating == CHANGE.keys() | REPEAT.keys()


@pytest.mark.parametrize(("method", "kind"), named(CHANGE))
def test_a_key_that_changes_what_it_cannot_read_is_answered_with_its_name_state_and_etag_only(
    keys: dict[str, Any], changing: dict[str, str], method: MethodDescriptor, kind: str
) -> None:
    fields = change(method, changing[kind])

    theirs = call(keys["sibling"], method, **fields)
    if "validate_only" in method.input_type.fields_by_name:
        validated = call(keys["sibling"], method, **fields, validate_only=True)
        assert {field.name for field, _ in validated.ListFields()} <= {"name", "state", "etag"}

    assert theirs.name == changing[kind]
    assert {field.name for field, _ in theirs.ListFields()} <= {"name", "state", "etag"}
    if method.name.startswith(("Update", "Cancel")):  # can be repeated
        assert call(keys["maker"], method, **fields).HasField("create_time")


@pytest.mark.parametrize(("method", "kind"), named(REPEAT))
def test_a_key_repeats_no_job_that_it_cannot_read(
    keys: dict[str, Any], changing: dict[str, str], method: MethodDescriptor, kind: str
) -> None:
    assert call(keys["sibling"], method, name=changing[kind]) is grpc.StatusCode.NOT_FOUND


def test_the_client_reads_an_answer_that_holds_little(server: RunningServer, changing: dict[str, str]) -> None:
    with Client(server.endpoint, server.new_key("acme", [Scope.WRITE])) as client:
        answers = [
            client.cancel_tune_experiment(changing["queued experiment"]),
            client.cancel_tune_sweep(changing["queued sweep"]),
            client.cancel_evaluation(changing["queued evaluation"]),
            client.cancel_batch_job(changing["queued batch job"]),
            client.update_tune_experiment(changing["experiment"], tags={"nope": None}),
            client.update_tuned_model(changing["model"], tags={"nope": None}),
            client.update_space(changing["space"], description="changed"),
            client.update_deployment(changing["changing deployment"], description="changed", wait=False),
        ]

    assert all(answer.name and not answer.creator for answer in answers)


def test_a_key_without_read_cannot_count_what_a_filter_meets_in_captures_of_others(
    keys: dict[str, Any], made: dict[str, str]
) -> None:
    def deletion(filter: str) -> Any:
        return capture_service_pb2.DeleteCapturedRequestsRequest(name=made["deployment"], filter=filter)

    failure = refused(keys["sibling"].captures.DeleteCapturedRequests, deletion('input : "Jane"'))

    assert (failure.code, failure.metadata) == (grpc.StatusCode.PERMISSION_DENIED, {"scope": "read"})
    assert keys["sibling"].captures.DeleteCapturedRequests(deletion("*")).deleted_count == 0
    assert keys["maker"].captures.DeleteCapturedRequests(deletion('input : "Jane"')).deleted_count == 0


def test_the_command_line_says_what_a_key_is_not_told(
    server: RunningServer, changing: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key("acme", [Scope.WRITE]))
    name = changing["changing deployment"]

    status = run(["deployments", "rollback", name, "--revision", "1"])

    printed = capsys.readouterr()
    assert status == 0, printed.err
    assert " is ready. The key cannot read more of it." in " ".join(printed.out.split())
