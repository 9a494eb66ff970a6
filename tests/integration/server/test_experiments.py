from __future__ import annotations

import grpc
import pytest
from sqlalchemy import select

from factories.api import create_experiment, experiment_request, make_file, refused, to_jsonl, upload, upload_messages
from factories.queued_runs import finish_queue
from factories.servers import RunningServer
from foreword.domain.machine_speed import Machine
from foreword.plugin.precision import choose_dtype
from foreword.samples import sample_path
from foreword.server.plans import row_reading
from foreword.storage.tables import JobRow
from foreword.storage.workers.machine_speeds import MachineSpeeds
from foreword.tuning.planning import worker_memory
from foreword.v1 import dataset_service_pb2, tune_experiment_pb2
from foreword.v1 import tune_experiment_service_pb2 as pb2

State = tune_experiment_pb2.TuneExperiment.State


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    """A server with a queue for this file only."""
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    return upload(stubs).name


def test_an_experiment_is_planned_and_queued_and_reports_every_default(server: RunningServer, stubs, dataset: str):
    created = create_experiment(stubs, dataset, display_name="queued", parameters={})

    assert created.state == State.STATE_QUEUED
    assert created.base_model == "baseModels/foreword--starter"
    assert (created.task, created.tuning_type) == ("classification", "prompt_tuning")
    assert "{{input}}" in created.verbalizer
    assert created.evaluate_base
    assert set(created.plan.sources.values()) == {"recipe", "default", "few_rows"}
    assert created.plan.parameters.num_virtual_tokens > 0
    assert created.plan.planned_updates > 0
    assert created.plan.training_row_count + created.plan.validation_row_count == 30
    assert sorted(created.plan.labels) == ["Marketing", "Planning", "Service", "Warehouse"]
    assert created.plan.multi_label
    assert stubs.experiments.GetTuneExperiment(pb2.GetTuneExperimentRequest(name=created.name)) == created
    finish_queue(server)


@pytest.mark.parametrize(
    ("sample", "task"), [("complaints", "classification"), ("replies", "generation"), ("summaries", "summarization")]
)
def test_an_upload_a_check_and_a_plan_choose_the_same_task_and_give_the_same_reason(stubs, sample: str, task: str):
    content = sample_path(sample).read_bytes()
    check = dataset_service_pb2.CheckDatasetRequest
    checked = stubs.datasets.CheckDataset(upload_messages(content, check, chunk_bytes=2**20, display_name=""))
    uploaded = upload(stubs, content)

    planned = create_experiment(stubs, uploaded.name, validate_only=True)

    remarks = [
        [finding for finding in findings if finding.code == "TASK_CHOSEN"]
        for findings in (checked.report.findings, uploaded.report.findings, planned.plan.warnings)
    ]
    assert planned.task == task
    assert [len(found) for found in remarks] == [1, 1, 1]
    assert remarks[0][0].message.startswith(f"No task was set, so {task} was chosen: ")
    assert remarks[0] == remarks[1] == remarks[2]


def test_a_task_that_is_set_is_used_and_not_remarked_upon(stubs, dataset: str):
    planned = create_experiment(stubs, dataset, validate_only=True, task="generation")

    assert planned.task == "generation"
    assert not [finding for finding in planned.plan.warnings if finding.code == "TASK_CHOSEN"]


def test_names_are_counted_up(server: RunningServer, stubs, dataset: str):
    names = [create_experiment(stubs, dataset, display_name="same").display_name for _ in range(3)]

    assert names == ["same (1)", "same (2)", "same (3)"]
    finish_queue(server)


def test_validate_only_returns_the_plan_and_creates_nothing(stubs, dataset: str):
    before = stubs.experiments.ListTuneExperiments(pb2.ListTuneExperimentsRequest())

    planned = create_experiment(stubs, dataset, validate_only=True, parameters={"batch_size": 2, "num_epochs": 3})

    assert planned.name == ""
    assert planned.plan.sources["batch_size"] == "set"
    assert planned.plan.parameters.batch_size == 2
    assert stubs.experiments.ListTuneExperiments(pb2.ListTuneExperimentsRequest()) == before


def test_an_alias_of_the_base_model_is_followed(stubs, dataset: str):
    planned = create_experiment(stubs, dataset, validate_only=True, base_model="starter")

    assert planned.base_model == "baseModels/foreword--starter"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": ""}, "tune_experiment.display_name"),
        ({"display_name": "x" * 201}, "tune_experiment.display_name"),
        ({"description": "x" * 2001}, "tune_experiment.description"),
        ({"dataset": ""}, "tune_experiment.dataset"),
        ({"dataset": "datasets/1"}, "tune_experiment.dataset"),
        ({"task": "juggling"}, "tune_experiment.task"),
        ({"tuning_type": "magic"}, "tune_experiment.tuning_type"),
        ({"verbalizer": "classify this"}, "tune_experiment.verbalizer"),
        ({"verbalizer": "{{input}} {{label}}"}, "tune_experiment.verbalizer"),
        ({"tune_experiment_id": "Not An Id"}, "tune_experiment_id"),
        ({"request_id": "x" * 65}, "request_id"),
        ({"parent": "nobody"}, "parent"),
        ({"parameters": {"batch_size": 0}}, "tune_experiment.parameters.batch_size"),
        ({"parameters": {"batch_size": 1025}}, "tune_experiment.parameters.batch_size"),
        ({"parameters": {"num_epochs": 0}}, "tune_experiment.parameters.num_epochs"),
        ({"parameters": {"learning_rate": float("nan")}}, "tune_experiment.parameters.learning_rate"),
        ({"parameters": {"learning_rate": -1.0}}, "tune_experiment.parameters.learning_rate"),
        ({"parameters": {"accumulate_steps": 129}}, "tune_experiment.parameters.accumulate_steps"),
        ({"parameters": {"validation_split": 0.6}}, "tune_experiment.parameters.validation_split"),
        ({"parameters": {"init_method": "magic"}}, "tune_experiment.parameters.init_method"),
        ({"parameters": {"init_method": "text"}}, "tune_experiment.parameters.init_text"),
        ({"parameters": {"init_method": "text", "init_text": "  "}}, "tune_experiment.parameters.init_text"),
        ({"parameters": {"optimizer": "sgd"}}, "tune_experiment.parameters.optimizer"),
        ({"parameters": {"num_virtual_tokens": 10_000}}, "tune_experiment.parameters.num_virtual_tokens"),
        ({"parameters": {"max_input_tokens": 100_000}}, "tune_experiment.parameters.max_input_tokens"),
        ({"parameters": {"method_parameters": {"unknown": 1}}}, "tune_experiment.parameters.method_parameters.unknown"),
        ({"task_options": {"labels": ["Planning"]}}, "tune_experiment.task_options.labels"),
        ({"task_options": {"separator": ""}}, "tune_experiment.task_options.separator"),
        ({"task_options": {"extra": {"loudness": 1}}}, "tune_experiment.task_options.extra.loudness"),
        (
            {"task": "classification", "task_options": {"extra": {"loudness": 1}}},
            "tune_experiment.task_options.extra.loudness",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_field(stubs, dataset: str, fields: dict, field: str):
    request = experiment_request(**{"dataset": dataset, "validate_only": True, **fields})

    failure = refused(stubs.experiments.CreateTuneExperiment, request)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert any(name.startswith(field) for name in failure.violations), failure.violations
    assert all(failure.violations.values())


def test_all_bad_values_are_named_at_once(stubs, dataset: str):
    request = experiment_request(
        dataset,
        display_name="",
        verbalizer="none",
        parameters={"batch_size": 0, "num_epochs": 0, "init_method": "text"},
    )

    failure = refused(stubs.experiments.CreateTuneExperiment, request)

    assert set(failure.violations) == {
        "tune_experiment.display_name",
        "tune_experiment.verbalizer",
        "tune_experiment.parameters.batch_size",
        "tune_experiment.parameters.num_epochs",
        "tune_experiment.parameters.init_text",
    }


def test_an_unknown_task_or_method_lists_what_is_installed(stubs, dataset: str):
    request = experiment_request(dataset, task="juggling", tuning_type="magic")

    failure = refused(stubs.experiments.CreateTuneExperiment, request)

    assert "classification" in failure.violations["tune_experiment.task"]
    assert "prompt_tuning" in failure.violations["tune_experiment.tuning_type"]


def test_an_unknown_base_model_is_not_found(stubs, dataset: str):
    failure = refused(stubs.experiments.CreateTuneExperiment, experiment_request(dataset, base_model="baseModels/gpt"))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.resource == "baseModels/gpt"


def test_an_unknown_dataset_is_not_found(stubs):
    failure = refused(stubs.experiments.CreateTuneExperiment, experiment_request("tenants/dev/datasets/none"))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.resource == "tenants/dev/datasets/none"


def test_too_few_rows_are_a_failed_precondition(stubs):
    small = upload(stubs, make_file(4), display_name="small")

    failure = refused(stubs.experiments.CreateTuneExperiment, experiment_request(small.name))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "TOO_FEW_ROWS"


def test_a_full_queue_states_when_to_try_again(start_server):
    stubs = start_server(max_queued_experiments=1).stubs()
    dataset = upload(stubs).name
    queued = create_experiment(stubs, dataset)

    failure = refused(stubs.experiments.CreateTuneExperiment, experiment_request(dataset))

    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.retry_seconds == pytest.approx(min(max(queued.plan.estimated_seconds, 1.0), 600.0), abs=0.001)
    assert failure.quota == "tenants/dev"


def test_experiments_are_listed_by_state(server: RunningServer, stubs, dataset: str):
    created = create_experiment(stubs, dataset, display_name="listed")

    queued = stubs.experiments.ListTuneExperiments(pb2.ListTuneExperimentsRequest(filter="state = QUEUED"))
    running = stubs.experiments.ListTuneExperiments(pb2.ListTuneExperimentsRequest(filter="state = STATE_RUNNING"))

    assert [item.name for item in queued.tune_experiments] == [created.name]
    assert not running.tune_experiments
    finish_queue(server)


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("filter", "state = ASLEEP", "QUEUED, RUNNING, SUCCEEDED"),
        ("filter", "mood = good", "filter by display_name, description, tags, state"),
        ("filter", "state : RUNNING", "use = or !="),
        ("filter", "state = ", "expected a value"),
        ("order_by", "state", "sort by some of display_name, create_time, update_time"),
        ("view", 99, "RESOURCE_VIEW_BASIC"),
        ("page_token", "made up", "next_page_token of the previous page"),
    ],
)
def test_a_list_request_that_cannot_be_read_is_refused(stubs, field: str, value: object, remedy: str):
    failure = refused(stubs.experiments.ListTuneExperiments, pb2.ListTuneExperimentsRequest(**{field: value}))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert remedy in failure.violations[field]


def test_a_list_has_what_get_returns_in_the_full_view(server: RunningServer, stubs, dataset: str):
    created = create_experiment(stubs, dataset, display_name="viewed")
    finish_queue(server)
    whole = stubs.experiments.GetTuneExperiment(pb2.GetTuneExperimentRequest(name=created.name))
    wanted = f'display_name = "{created.display_name}"'

    (full,) = stubs.experiments.ListTuneExperiments(
        pb2.ListTuneExperimentsRequest(filter=wanted, view="RESOURCE_VIEW_FULL")
    ).tune_experiments
    (basic,) = stubs.experiments.ListTuneExperiments(pb2.ListTuneExperimentsRequest(filter=wanted)).tune_experiments

    assert full == whole
    assert not basic.evaluations
    assert not basic.snapshots


def test_every_plan_estimates_time_and_cost_from_the_stored_speed_of_the_machine(start_server):
    server = start_server()
    stubs = server.stubs()
    dataset = upload(stubs).name
    first = create_experiment(stubs, dataset, validate_only=True)
    machine = Machine(base_model="foreword--starter", device="cpu", dtype=choose_dtype("auto", "cpu"))
    speeds = MachineSpeeds(server.database)
    estimate = speeds.get(machine, lambda: 0.0).seconds_per_token
    speeds.observe(machine, seconds=3 * estimate * 1000, tokens=1000)

    second = create_experiment(stubs, dataset, validate_only=True)

    assert first.plan.estimated_seconds > 0, "by the speed of one layer"
    assert second.plan.estimated_seconds == pytest.approx(3 * first.plan.estimated_seconds), "by runs of any tenant"
    assert second.plan.estimated_capacity_unit_hours == pytest.approx(second.plan.estimated_seconds / 3600)


def test_a_run_without_room_beside_others_is_tuned_alone_and_its_plan_says_so(start_server, monkeypatch):
    monkeypatch.setattr(worker_memory, "_SHARE", 0.0)
    server = start_server()
    stubs = server.stubs()

    experiment = create_experiment(stubs, upload(stubs).name)

    (finding,) = [item for item in experiment.plan.warnings if item.code == "RUNS_ALONE"]
    assert "leaves 0 MiB for each of 8 runs" in finding.message
    with server.database.read() as session:
        assert session.scalars(select(JobRow.runs_alone)).all() == [True]


def test_labels_that_the_rows_contradict_are_named(stubs):
    content = to_jsonl({"input": f"text {number}", "output": "a" if number % 2 else "b"} for number in range(20))
    name = upload(stubs, content, display_name="contradiction").name

    failure = refused(
        stubs.experiments.CreateTuneExperiment, experiment_request(name, task_options={"labels": ["a", "c"]})
    )

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert any(field.startswith("tune_experiment.task_options") for field in failure.violations)


@pytest.mark.parametrize("task", ["", "classification", "generation"])
def test_a_plan_is_the_same_if_the_rows_stay_on_disk(stubs, monkeypatch: pytest.MonkeyPatch, task: str):
    request = experiment_request(upload(stubs).name, validate_only=True, task=task)
    in_memory = stubs.experiments.CreateTuneExperiment(request)

    monkeypatch.setattr(row_reading, "_MAX_BYTES_IN_MEMORY", 0)
    on_disk = stubs.experiments.CreateTuneExperiment(request)

    assert on_disk.plan == in_memory.plan
    assert on_disk.task == in_memory.task
