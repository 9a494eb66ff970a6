"""The client against a real server."""

import asyncio
import json
import time
from datetime import timedelta

import pandas as pd
import pytest

from factories.clients import DrivenAsyncClient
from foreword.client import (
    AsyncClient,
    Client,
    DeploymentState,
    JobState,
    LengthPenalty,
    ReturnOptions,
    Scope,
    Stage,
    StopReason,
    StructuredPrompt,
    TuneParameters,
)
from foreword.domain.generate_parameters import GENERATE_PARAMETER_SPECS
from foreword.domain.parameters import TUNE_PARAMETER_SPECS
from foreword.errors import (
    AlreadyExistsError,
    CancelledError,
    ForewordError,
    InvalidArgumentError,
    InvalidRowsError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from foreword.samples import sample_path

ROWS = [
    {"input": f"Complaint {number} about {label}", "output": label}
    for number in range(30)
    for label in ("Service", "Warehouse")
]

MODEL = "baseModels/foreword--starter"


@pytest.fixture
def client(server):
    with Client(server.endpoint, server.new_key(f"client-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected


@pytest.fixture
def dataset(client):
    return client.upload_dataset(ROWS, display_name="complaints")


def test_an_upload_is_stored_with_its_report_and_rows(client):
    dataset = client.upload_dataset(sample_path("complaints_v2"))

    assert (dataset.display_name, dataset.version, dataset.row_count) == ("complaints_v2", 1, 147)
    assert len(dataset.report.warnings) == 2
    assert client.get_dataset(dataset) == client.get_dataset(dataset.name.rsplit("/", 1)[-1]) == dataset
    assert [row.number for row in client.list_dataset_rows(dataset, limit=3)] == [1, 2, 3]
    assert len(client.list_dataset_rows(dataset)) == 147
    assert [row.number for row in client.list_dataset_rows(dataset, after_row=145)] == [146, 147]
    assert [item.name for item in client.list_datasets()] == [dataset.name]


def test_a_stored_dataset_and_the_report_of_a_check_can_be_drawn(client, dataset, tmp_path):
    stored = client.plot_dataset(dataset, tmp_path / "dataset.png")
    checked = client.plot_dataset(client.check_dataset(ROWS))

    assert stored.get_suptitle().startswith("complaints, version 1: ")
    assert stored.get_suptitle().endswith(checked.get_suptitle())
    assert (tmp_path / "dataset.png").stat().st_size > 10_000


def test_faulty_rows_are_all_named(client):
    with pytest.raises(InvalidRowsError) as caught:
        client.upload_dataset([{"input": "", "output": "a"}, {"input": "b"}], display_name="faulty")

    assert {item.field for item in caught.value.violations} >= {"rows[1].input", "rows[2].output"}


def test_checking_stores_nothing(client):
    report = client.check_dataset([{"input": "", "output": "a"}])

    assert (1,) in [finding.rows for finding in report.errors]
    assert client.list_datasets() == []


def test_a_plan_is_made_without_creating_anything(client, dataset):
    planned = client.create_tune_experiment(dataset, display_name="try", validate_only=True)

    assert planned.plan.sources["learning_rate"] == "recipe"
    assert planned.plan.sources["num_epochs"] == "few_rows"
    assert planned.plan.labels == ("Service", "Warehouse")
    assert client.list_tune_experiments() == []


def test_every_wrong_parameter_is_named_at_once(client):
    with pytest.raises(InvalidArgumentError) as caught:
        client.tune(ROWS, num_epochs=0, batch_size=0)

    assert {item.field.rsplit(".", 1)[-1] for item in caught.value.violations} == {"num_epochs", "batch_size"}


def test_tune_takes_what_an_experiment_takes_and_leaves_nothing_behind_when_refused(client):
    with pytest.raises(InvalidArgumentError):
        client.tune(ROWS, display_name="refused", tuning_type="no_such_method", num_epochs=0)
    assert client.list_datasets() == []

    experiment = client.tune(ROWS, display_name="run", tuning_type="prompt_tuning", evaluate_base=False)
    client.cancel_tune_experiment(experiment)

    assert (experiment.tuning_type, experiment.evaluate_base) == ("prompt_tuning", False)


def test_a_run_takes_its_held_out_rows_as_data_or_as_a_stored_dataset(client, tmp_path):
    held_out = [{"input": f"Question {number}", "output": "Service"} for number in range(5)]
    path = tmp_path / "held-out.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in held_out))
    stored = client.upload_dataset(held_out, display_name="stored")

    runs = [
        client.tune(ROWS, display_name="run", validation_dataset=given)
        for given in (held_out, path, pd.DataFrame(held_out), stored)
    ]

    assert [run.plan.validation_row_count for run in runs] == [5] * 4
    names = [client.get_dataset(run.validation_dataset).display_name for run in runs]
    assert names == ["run validation", "held-out", "run validation", "stored"]
    planned = client.create_tune_experiment(runs[0].dataset, validation_dataset="stored", display_name="by name")
    assert planned.validation_dataset == stored.name
    for run in (*runs, planned):
        client.cancel_tune_experiment(run)


def test_a_run_starts_from_a_tuned_model_by_name_by_id_or_by_display_name(client, dataset, server):
    run = client.create_tune_experiment(dataset, display_name="the first run")
    model = server.tune_by_hand(run.name)

    for reference in (model, model.rsplit("/", 1)[-1], "the first run"):
        planned = client.create_tune_experiment(
            dataset, display_name="next", parameters=TuneParameters(init_tuned_model=reference), validate_only=True
        )
        assert planned.plan.parameters.init_tuned_model == model
    with pytest.raises(NotFoundError, match="none"):
        client.tune(ROWS, display_name="next", init_tuned_model="none")
    assert len(client.list_datasets()) == 1


def test_held_out_rows_of_a_refused_run_are_not_kept(client):
    stored = client.upload_dataset(ROWS[:5], display_name="stored")
    for given in (ROWS[:3], stored):
        with pytest.raises(InvalidArgumentError):
            client.tune(ROWS, display_name="refused", validation_dataset=given, validation_split=0.2)
    with pytest.raises(InvalidRowsError):
        client.tune(ROWS, display_name="refused", validation_dataset=[{"input": ""}])

    assert [item.name for item in client.list_datasets()] == [stored.name]


def test_a_run_is_created_listed_cancelled_and_deleted(client, dataset):
    experiment = client.create_tune_experiment(dataset, display_name="run", tune_experiment_id="my-run")

    assert experiment.name == f"{client.tenant}/tuneExperiments/my-run"
    (found,) = client.list_tune_experiments(
        filter='state = QUEUED AND display_name : "RUN"', order_by="create_time desc", view="full", limit=1
    )
    assert found.name == experiment.name
    assert client.cancel_tune_experiment("my-run").state is JobState.CANCELLED
    with pytest.raises(CancelledError, match="was cancelled"):
        client.wait_for_experiment("my-run")
    client.delete_tune_experiment(experiment)
    with pytest.raises(NotFoundError, match="my-run does not exist"):
        client.get_tune_experiment("my-run")


def test_a_tuned_model_is_exported_deployed_updated_and_rolled_back(client, dataset, server, tmp_path):
    experiment = client.create_tune_experiment(dataset, display_name="run")
    model = server.tune_by_hand(experiment.name)

    ended = client.wait_for_experiment(experiment)
    assert (ended.state, ended.tuned_model) == (JobState.SUCCEEDED, model)
    assert client.list_tuned_models()[0].name == model == client.get_tuned_model(model).name

    written = client.export_tuned_model(model, tmp_path / "adapter")
    assert sorted(path.name for path in written) == ["adapter_config.json", "adapter_model.safetensors"]
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["peft_type"] == "PROMPT_TUNING"

    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InvalidArgumentError, match=r"folder: .*taken is a file"):
        client.export_tuned_model(model, tmp_path / "taken")
    with pytest.raises(InvalidArgumentError, match=r"folder: .* cannot be written to"):
        client.export_tuned_model(model, tmp_path / "taken" / "below")

    deployment = client.create_deployment(model, serving_name="complaints")
    assert (deployment.state, deployment.model) == (DeploymentState.READY, model)
    assert deployment.revisions[0].probe_effect > 0
    with pytest.raises(AlreadyExistsError, match="complaints"):
        client.create_deployment(model, serving_name="complaints")

    changed = client.update_deployment("complaints", model="baseModels/foreword--starter", tags=["a"])
    assert (changed.serving_revision, changed.tags) == (2, ("a",))
    assert client.rollback_deployment("complaints").serving_revision == 1
    assert [item.serving_name for item in client.list_deployments()] == ["complaints"]

    answer = client.classify("complaints", "Nobody answers the phone", top_n=2)
    assert set(answer.label_probabilities) == {"Service", "Warehouse"}
    assert answer.label_sets[0].labels == answer.labels
    assert client.generate("complaints", "Nobody answers the phone").text in ("Service", "Warehouse")

    client.delete_deployment(deployment)
    client.delete_tuned_model(model)
    assert client.list_deployments() == []


def test_generating_in_one_or_in_pieces_gives_the_same(client):
    arguments = {"decoding_method": "sample", "random_seed": 7, "max_new_tokens": 8}
    prompt = StructuredPrompt(instruction="Say something.", input="Hello")

    whole = client.generate("foreword--starter", prompt, **arguments)
    pieces = list(client.stream_generate("foreword--starter", prompt, **arguments))

    assert "".join(piece.text for piece in pieces) == whole.text == pieces[-1].result.text
    assert whole.seed == 7
    assert whole.stop_reason in (StopReason.EOS_TOKEN, StopReason.MAX_TOKENS)
    assert whole.usage.generated_tokens > 0


def test_tokens_are_counted_by_part(client):
    prompt = StructuredPrompt(instruction="Classify.", input="Hello")

    counted = client.tokenize("foreword--starter", prompt, return_tokens=True)

    assert counted.token_count == len(counted.tokens)
    assert set(counted.part_token_counts) >= {"instruction", "input"}


def test_the_catalogue_lists_what_is_installed(client):
    model = client.get_base_model("foreword--starter")

    assert model in client.list_base_models()
    assert model.recipes["prompt_tuning"].num_epochs
    assert {"classification", "generation"} <= {task.id for task in client.list_tasks()}
    unused = {method.id: method.unused_parameters for method in client.list_tuning_methods()}
    assert unused["prompt_tuning"] == ()
    assert "num_virtual_tokens" in unused["ia3"]
    parameters = client.list_parameters()
    assert parameters.tune_parameters == TUNE_PARAMETER_SPECS
    assert [spec.name for spec in parameters.generate_parameters] == [spec.name for spec in GENERATE_PARAMETER_SPECS]
    assert client.list_row_validators()
    assert {"starter", "tasks"} <= {plugin.id for plugin in client.list_plugins()}


def test_spaces_are_created_listed_and_deleted(client):
    space = client.create_space("shop", stage=Stage.DEVELOPMENT, tags=["a"])

    assert client.get_space("shop") == space
    assert {item.name.rsplit("/", 1)[-1] for item in client.list_spaces()} == {"default", "shop"}
    client.delete_space(space)
    assert len(client.list_spaces()) == 1


def test_keys_are_created_used_and_revoked(client, server):
    key = client.create_api_key(client.tenant, display_name="reader", scopes=[Scope.READ])

    with Client(server.endpoint, key.secret) as reader:
        assert reader.who_am_i().scopes == {Scope.READ}
        with pytest.raises(PermissionDeniedError):
            reader.create_space("shop")
    assert key.secret not in repr(key)
    assert key.name in [item.name for item in client.list_api_keys(client.tenant)]
    client.delete_api_key(key)
    assert key.name not in [item.name for item in client.list_api_keys(client.tenant)]


def test_tenants_are_created_and_listed(client):
    id = f"t{time.time_ns()}"

    tenant = client.create_tenant(id, display_name="A shop")

    assert tenant in client.list_tenants()
    with pytest.raises(AlreadyExistsError):
        client.create_tenant(id)


@pytest.mark.parametrize("kind", [Client, DrivenAsyncClient])
def test_a_client_speaks_for_other_callers_on_its_own_connection(server, kind):
    keys = {name: server.new_key(f"caller-{name}-{time.time_ns()}") for name in ("one", "two")}
    with kind(server.private_endpoint, "") as connection:
        callers = {name: connection.for_caller(key, forwarded_for="203.0.113.5") for name, key in keys.items()}
        if kind is DrivenAsyncClient:
            tenants = {name: connection._loop.run(caller.who_am_i()).tenant for name, caller in callers.items()}
        else:
            tenants = {name: caller.who_am_i().tenant for name, caller in callers.items()}
            callers["one"].close()
            assert callers["two"].tenant == tenants["two"]
        assert {name: tenant.split("-")[1] for name, tenant in tenants.items()} == {"one": "one", "two": "two"}


def test_without_a_key_the_client_says_where_to_put_one(server, monkeypatch):
    monkeypatch.delenv("FOREWORD_API_KEY", raising=False)

    with Client(server.endpoint) as client, pytest.raises(UnauthenticatedError, match="FOREWORD_API_KEY"):
        client.who_am_i()


def test_an_answer_has_its_tokens_on_request(client):
    options = ReturnOptions(input_text=True, generated_tokens=True, token_log_probabilities=True, top_n_tokens=2)

    answer = client.generate(
        "foreword--starter", "Where is my {{what}}?", prompt_variables={"what": "lamp"}, max_new_tokens=4,
        repetition_penalty=1.2, length_penalty=LengthPenalty(decay_factor=1.1), time_limit=timedelta(minutes=1),
        return_options=options,
    )  # fmt: skip

    assert answer.input_text == "Where is my lamp?"
    assert len(answer.generated_tokens) == answer.usage.generated_tokens
    assert all(token.log_probability < 0 and len(token.top_tokens) == 2 for token in answer.generated_tokens)
    assert answer.input_tokens == ()


def test_a_batch_is_answered_in_order_with_errors_in_their_places(client):
    alone = [client.generate("foreword--starter", f"Hello {name}", max_new_tokens=3).text for name in ("Ada", "Bob")]

    first, faulty, last = client.batch_generate(
        "foreword--starter",
        ["Hello {{name}}", "Hello", StructuredPrompt(input="Hello {{name}}")],
        prompt_variables=[{"name": "Ada"}, {"name": "nobody"}, {"name": "Bob"}],
        max_new_tokens=3,
    )

    assert [first.text, last.text] == alone
    assert isinstance(faulty, InvalidArgumentError)
    assert [item.field for item in faulty.violations] == ["prompt_variables.name"]


def test_an_empty_batch_has_no_results(client):
    assert client.batch_generate("foreword--starter", []) == []
    assert client.batch_classify("foreword--starter", [], labels=["a", "b"]) == []


def test_inputs_that_are_too_long_are_cut_when_asked(client):
    long = "word " * 2000

    with pytest.raises(InvalidArgumentError, match="tokens"):
        client.classify("foreword--starter", long, labels=["a", "b"])
    answer = client.classify("foreword--starter", long, labels=["a", "b"], truncate_input_tokens=50)

    assert answer.usage.input_tokens <= 50


async def test_the_asynchronous_client_does_the_same_without_holding_up_its_event_loop(server, tmp_path):
    path = tmp_path / "complaints.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))

    async with AsyncClient(server.endpoint, server.new_key(f"client-{time.time_ns()}", tuple(Scope))) as client:
        dataset = await client.upload_dataset(path)
        assert (dataset.name.rsplit("/", 2)[0], dataset.row_count) == (await client.tenant, len(ROWS))
        assert [row.number for row in await client.list_dataset_rows(dataset, limit=2)] == [1, 2]

        experiment = await client.create_tune_experiment(dataset, display_name="run")
        heard = asyncio.Event()
        waiting = asyncio.create_task(client.wait_for_experiment(experiment, on_change=lambda _: heard.set()))
        await heard.wait()
        model = await asyncio.to_thread(server.tune_by_hand, experiment.name)
        assert (await waiting).tuned_model == model

        await client.create_deployment(model, serving_name="complaints")
        answers = await asyncio.gather(*(client.classify("complaints", row["input"]) for row in ROWS[:8]))
        pieces = [piece async for piece in client.stream_generate("complaints", "Nobody answers", max_new_tokens=3)]

        assert {label for answer in answers for label in answer.labels} <= {"Service", "Warehouse"}
        assert pieces[-1].result.text == "".join(piece.text for piece in pieces) in ("Service", "Warehouse")
        with pytest.raises(InvalidRowsError) as caught:
            await client.tune([{"input": "", "output": "a"}], display_name="faulty")
        assert "rows[1].input" in {item.field for item in caught.value.violations}


@pytest.mark.parametrize("kind", [Client, DrivenAsyncClient])
def test_a_batch_is_classified_in_order_with_errors_in_their_places(kind, server):
    texts = [f"There are {number} parts missing." for number in range(40)]
    key = server.new_key(f"client-{time.time_ns()}", (Scope.INFER,))
    with kind(server.endpoint, key) as client:
        results = client.batch_classify(MODEL, [*texts, "x " * 2000, "\ud800"], labels=["yes", "no"])
        alone = client.classify(MODEL, texts[-1], labels=["yes", "no"])

        assert [type(result) for result in results[:40]] == [type(alone)] * 40
        assert results[39].labels == alone.labels
        assert results[39].label_probabilities["yes"] == pytest.approx(alone.label_probabilities["yes"], abs=1e-4)
        assert [type(result) for result in results[40:]] == [InvalidArgumentError, InvalidArgumentError]
        assert client.batch_classify(MODEL, [], labels=["yes"]) == []
        with pytest.raises(NotFoundError):
            client.batch_classify("nothing", texts, labels=["yes", "no"])
        with pytest.raises(InvalidArgumentError, match="one mapping for each of 40 prompts"):
            client.batch_classify(MODEL, texts, prompt_variables=[{}])


@pytest.mark.parametrize("kind", [Client, DrivenAsyncClient])
def test_a_batch_that_is_larger_than_the_queue_is_classified_whole(kind, start_server):
    narrow = start_server(max_queued_tokens=40)
    with kind(narrow.endpoint, "dev", retry_seconds=0.0) as client:
        results = client.batch_classify(
            MODEL, [f"There are {number} parts missing." for number in range(48)], labels=["yes", "no"]
        )

    assert [result for result in results if isinstance(result, ForewordError)] == []
