"""Resources by display name: what callers may write where an id would do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from factories.clients import DrivenAsyncClient
from factories.servers import RunningServer
from foreword.client import Client, Scope
from foreword.errors import InvalidArgumentError, NotFoundError

ROWS = [{"input": f"Complaint {number} about {label}", "output": label} for number in range(10) for label in "ab"]


@pytest.fixture(params=[Client, DrivenAsyncClient])
def client(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[Client]:
    with request.param(server.endpoint, server.new_key(f"names-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected


def test_every_resource_is_found_by_its_display_name(client: Client, server: RunningServer, tmp_path) -> None:
    dataset = client.upload_dataset(ROWS, display_name="Spring/Summer complaints")
    run = client.create_tune_experiment("Spring/Summer complaints", display_name="First run")
    model = server.tune_by_hand(run.name)
    client.create_space("live", display_name="Live traffic")
    deployed = client.create_deployment(
        "First run (1)", serving_name="asked", space="Live traffic", display_name="Asked by all", wait=False
    )
    key = client.create_api_key(client.tenant, display_name="The bot's key")

    assert client.get_dataset("Spring/Summer complaints").name == dataset.name
    assert len(client.list_dataset_rows("Spring/Summer complaints")) == len(ROWS)
    assert client.get_tune_experiment("First run (1)").name == run.name
    assert client.wait_for_experiment("First run (1)").name == run.name
    assert client.get_tuned_model("First run (1)").name == model
    assert client.export_tuned_model("First run (1)", tmp_path)
    assert client.get_space("Live traffic").name == deployed.name.split("/deployments")[0]
    assert [item.name for item in client.list_deployments(space="Live traffic")] == [deployed.name]
    for name in ("Asked by all", "asked", deployed.name.rsplit("/", 1)[-1]):
        assert client.get_deployment(name).name == deployed.name
    assert client.update_deployment("asked", model="First run (1)", wait=False).name == deployed.name
    client.delete_api_key("The bot's key")
    assert key.name not in [item.name for item in client.list_api_keys(client.tenant)]
    client.delete_deployment("Asked by all")
    client.delete_tuned_model("First run (1)")
    client.delete_tune_experiment("First run (1)")
    client.delete_dataset("Spring/Summer complaints")
    assert client.list_datasets() == []


def test_stored_rows_are_tuned_and_evaluated_and_models_asked_by_their_display_name(
    client: Client, server: RunningServer
) -> None:
    dataset = client.upload_dataset(ROWS, display_name="Autumn complaints")
    run = client.tune("Autumn complaints", validation_dataset=dataset.name.rsplit("/", 1)[-1])
    server.tune_by_hand(run.name)
    model = "Autumn complaints (1)"

    assert run.display_name == model
    assert run.dataset == run.validation_dataset == dataset.name
    second = client.tune(dataset)
    evaluation = client.evaluate("Autumn complaints", [model], examples_dataset=dataset, wait=False)
    client.cancel_tune_experiment(second)  # the server of these tests is shared
    client.cancel_evaluation(evaluation)
    assert second.display_name == "Autumn complaints (2)"
    assert evaluation.dataset == dataset.name
    assert [item.name for item in client.list_datasets()] == [dataset.name]
    tuned = client.get_tuned_model(model).name
    assert client.classify(model, "text").model_version == tuned
    assert [item.model_version for item in client.batch_classify(model, ["text", "other"])] == [tuned] * 2
    assert [item.model_version for item in client.batch_generate(model, ["text"], max_new_tokens=1)] == [tuned]
    (*_, last) = client.stream_generate(model, "text", max_new_tokens=1)
    assert last.result.model_version == tuned
    assert client.tokenize(model, "text") == client.tokenize(tuned, "text")
    with pytest.raises(InvalidArgumentError, match="'Winter complaints' is neither a file nor the id or display name"):
        client.tune("Winter complaints")


def test_an_id_goes_before_a_display_name(client: Client) -> None:
    first = client.upload_dataset(ROWS, display_name="first")
    id = first.name.rsplit("/", 1)[-1]
    client.upload_dataset(ROWS, display_name=id)

    assert client.get_dataset(id).name == first.name


def test_a_watch_finds_a_run_by_a_display_name_that_may_be_an_id(client: Client) -> None:
    client.upload_dataset(ROWS, display_name="complaints")
    run = client.create_tune_experiment("complaints", display_name="other")
    found = client.create_tune_experiment("complaints", display_name="run", tune_experiment_id="by-id")
    for name in (run.display_name, found.display_name, "by-id"):
        client.cancel_tune_experiment(name)

    assert [item.name for item in client.watch_tune_experiment("run (1)")] == [found.name]
    assert [item.name for item in client.watch_tune_experiment("by-id")] == [found.name]


def test_a_run_is_found_without_the_number_that_the_service_appended_while_it_is_the_only_one(client: Client) -> None:
    client.upload_dataset(ROWS, display_name="complaints")
    first = client.create_tune_experiment("complaints", display_name="routing")

    assert client.get_tune_experiment("routing").name == first.name

    second = client.create_tune_experiment("complaints", display_name="routing")
    with pytest.raises(InvalidArgumentError, match="2 tune experiments are called 'routing'"):
        client.get_tune_experiment("routing")
    for run in (first, second):  # the server of these tests is shared
        client.cancel_tune_experiment(run)


def test_a_display_name_that_several_have_lists_their_ids_and_changes_nothing(client: Client) -> None:
    made = [client.upload_dataset(ROWS, display_name="complaints") for _ in range(2)]

    with pytest.raises(InvalidArgumentError, match="2 datasets are called 'complaints'") as refused:
        client.delete_dataset("complaints")

    assert refused.value.reason == "NAME_AMBIGUOUS"
    assert all(item.name.rsplit("/", 1)[-1] in refused.value.message for item in made)
    assert len(client.list_datasets()) == 2


@pytest.mark.parametrize("name", ["nothing", "nothing of that name", "nothing/of that name"])
def test_a_name_that_nothing_has_is_not_found_with_the_remedy(client: Client, name: str) -> None:
    with pytest.raises(NotFoundError, match="List them with `foreword datasets list`"):
        client.get_dataset(name)


def test_a_full_name_is_never_taken_for_a_display_name(client: Client) -> None:
    name = f"{client.tenant}/datasets/nothing"
    client.upload_dataset(ROWS, display_name=name)

    with pytest.raises(NotFoundError, match=r"Check the name\.$"):
        client.get_dataset(name)


def test_a_key_that_may_not_list_learns_that_the_id_is_wrong(server: RunningServer) -> None:
    tenant = f"names-{time.time_ns()}"
    with Client(server.endpoint, server.new_key(tenant, (Scope.ADMIN, Scope.INFER))) as admin:
        with pytest.raises(NotFoundError, match="apiKeys/gone does not exist"):
            admin.delete_api_key("gone")
        assert admin.create_api_key(tenant).name.startswith(f"tenants/{tenant}/")


def test_a_call_with_an_exact_id_is_one_call(server: RunningServer, client: Client, monkeypatch) -> None:
    id = client.upload_dataset(ROWS, display_name="complaints").name.rsplit("/", 1)[-1]
    assert client.tenant  # asked once in a client's life
    asked: list[str] = []
    with Client(server.endpoint, server.new_key(client.tenant.removeprefix("tenants/"))) as counted:
        assert counted.tenant
        unary = counted._connection.unary

        def count(method, *arguments, **options):
            asked.append(method._method.decode() if isinstance(method._method, bytes) else method._method)
            return unary(method, *arguments, **options)

        monkeypatch.setattr(counted._connection, "unary", count)
        counted.get_dataset(id)
        assert [item.rsplit("/", 1)[-1] for item in asked] == ["GetDataset"]
        asked.clear()
        counted.get_dataset("complaints")
        assert [item.rsplit("/", 1)[-1] for item in asked] == ["GetDataset", "ListDatasets", "GetDataset"]
