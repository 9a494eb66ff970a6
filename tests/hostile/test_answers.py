"""Responses at the documented limits of everything that they contain: a client with gRPC's default limit reads each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import Default

from factories.api import (
    create_experiment,
    create_saved_prompt,
    experiment_request,
    refused,
    to_jsonl,
    upload,
    upload_messages,
    wait_for_deployment,
)
from factories.captures import see
from factories.charges import Charges
from factories.response_limits import BYTES, CHARACTERS, ITEMS, UNLIMITED, WIDE
from factories.servers import RunningServer
from factories.stored import beat, make_evaluation, make_snapshot, make_suspect_rows, make_tuned_model
from foreword.domain.capture import MAX_CAPTURED_CHARACTERS, CapturePolicy
from foreword.domain.experiment import MAX_LABEL_CHARACTERS, MAX_LABELS
from foreword.domain.failure import Failure
from foreword.domain.messages import MAX_PAGE_BYTES, USUAL_RESPONSE_BYTES
from foreword.domain.model_reference import ModelReference
from foreword.domain.report import EvaluationExample, Matrix, ReportPart, Table, Values
from foreword.domain.report_limits import (
    MAX_SUSPECT_CHARACTERS,
    MAX_SUSPECT_ROWS_BYTES,
)
from foreword.domain.saved_prompt import (
    MAX_DEFAULT_VALUE,
    MAX_MODEL,
    MAX_NOTE,
    MAX_SAVED_CHARACTERS,
    MAX_VARIABLE_DESCRIPTION,
)
from foreword.domain.thin_curve import MAX_CURVE_POINTS
from foreword.errors import InternalError
from foreword.names import DeploymentName
from foreword.server.registration import SERVICES
from foreword.storage.captures.ledger import CaptureLedger
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.revisions import MAX_REVISIONS
from foreword.storage.workers.probes import ProbeQueue
from foreword.tuning.planning import plan_checks
from foreword.v1 import (
    capture_service_pb2,
    dataset_service_pb2,
    deployment_service_pb2,
    saved_prompt_service_pb2,
    tune_experiment_service_pb2,
    tuned_model_service_pb2,
)


def responses() -> Iterator[tuple[str, Descriptor]]:
    """The response of each limited RPC, by the name of the method."""
    pool = Default()
    for service in SERVICES:
        if service not in UNLIMITED:
            for method in pool.FindServiceByName(service).methods:
                yield method.name, method.output_type


def largest(message: Descriptor) -> int:
    """The size of a message with every field at its limit. A text or list without a limit is a KeyError."""
    if message.full_name in ("google.protobuf.Timestamp", "google.protobuf.Empty"):
        return 20
    return sum(largest_field(field) + 6 for field in message.fields)


def largest_field(field: FieldDescriptor) -> int:
    key = field.full_name.removeprefix("foreword.v1.")
    if key in BYTES:
        return BYTES[key]
    count = ITEMS[key] if field.is_repeated else 1
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        return count * (largest(field.message_type) + 6)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return count * (4 * CHARACTERS[key] + 6)
    return count * 11


@pytest.mark.parametrize(("method", "response"), list(responses()))
def test_a_response_at_all_its_limits_can_be_read_by_every_client(method: str, response: Descriptor) -> None:
    """A new text or repeated field fails here until its limit is entered, and its test added below."""
    if "next_page_token" not in response.fields_by_name:
        assert largest(response) < USUAL_RESPONSE_BYTES
        return
    (items,) = (field for field in response.fields if field.is_repeated)
    assert max(largest(items.message_type), MAX_PAGE_BYTES) < USUAL_RESPONSE_BYTES - 10_000


@pytest.fixture(scope="module")
def stubs(start_server: Any) -> Iterator[Any]:
    server = start_server()
    found = server.stubs(server.new_key("hostile"))
    found.server, found.charges = server, Charges(server)
    yield found
    server.stop()


def pages(stubs: Any, call: Any, request: Any, field: str) -> list[Any]:
    """Read all pages with gRPC's default limit, check the size and the charge of each, and return them."""
    found = []
    while True:
        page = stubs.charges.fairly(lambda: call(request))
        assert page.ByteSize() < USUAL_RESPONSE_BYTES
        assert page.ByteSize() <= MAX_PAGE_BYTES or len(getattr(page, field)) == 1
        found.append(page)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def labels(count: int = MAX_LABELS, length: int = MAX_LABEL_CHARACTERS) -> list[str]:
    return [f"{number:04}{WIDE * (length - 4)}" for number in range(count)]


@pytest.fixture(scope="module")
def experiments(stubs: Any) -> list[Any]:
    """Three experiments with every text at its limit; the first has succeeded with huge evaluations."""
    declared = labels()
    rows = [{"input": f"Complaint {number}", "output": declared[number % 5]} for number in range(30)]
    dataset = upload(stubs, to_jsonl(rows), task="classification", task_options={"labels": declared}, chunk_bytes=2**20)
    # The starter's tokenizer reads these labels byte by byte, so that they have too many tokens; another one need not.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_checks, "MAX_LABEL_TOKENS", 10**6)
        created = [
            create_experiment(
                stubs,
                dataset.name,
                display_name=WIDE * 200,
                description=WIDE * 2_000,
                task="classification",
                task_options={"labels": declared},
                instruction=WIDE * 20_000,
                tags={f"{number:063}": WIDE * 63 for number in range(20)},
                parameters={"num_epochs": 2, "num_virtual_tokens": 4, "init_method": "text", "init_text": "x" * 20_000},
            )
            for _ in range(3)
        ]
    succeed(stubs.server)
    return created


def succeed(server: RunningServer) -> None:
    """Act as the worker that ends the oldest experiment, with evaluations of rows of 440 KB."""
    lease = server.queue.lease("by hand", timedelta(seconds=600))
    assert lease is not None
    long = WIDE * 110_000
    names = tuple(labels())
    part = ReportPart(id="per_label", title=long, content=Table(columns=("a", "b"), rows=((long, long),) * 2_000))
    matrix = Matrix(row_labels=names, column_labels=names, values=((1.0,) * 1_000,) * 1_000)
    evaluation = replace(
        make_evaluation(),
        parts=(part, ReportPart(id="m", title="Matrix", content=matrix))
        + (ReportPart(id="v", title="Values", content=Values(values=dict.fromkeys(names, 1.0))),) * 3,
        examples=(EvaluationExample(input=long, reference=long, prediction=long),) * 20,
    )
    evaluations = tuple(replace(evaluation, system=f"system_{number}") for number in range(5))
    curve = [make_snapshot(step) for step in range(3_000)]
    beat(server.queue, lease, duration=timedelta(seconds=600), snapshots=curve)
    model = replace(make_tuned_model(lease.experiment, "m" * 20), evaluations=evaluations)
    suspects = make_suspect_rows(lease.experiment.config.dataset, count=25, text=long)
    server.queue.succeed(
        lease,
        tuned_model=model,
        evaluations=evaluations,
        curve_advice="",
        suspect_rows=suspects,
        compute_seconds=1.0,
    )


@pytest.mark.parametrize("view", ["RESOURCE_VIEW_BASIC", "RESOURCE_VIEW_FULL"])
def test_lists_of_experiments_with_a_thousand_long_labels_fit(stubs: Any, experiments: list[Any], view: str) -> None:
    request = tune_experiment_service_pb2.ListTuneExperimentsRequest(view=view)

    found = pages(stubs, stubs.experiments.ListTuneExperiments, request, "tune_experiments")

    assert [item.name for page in found for item in page.tune_experiments] == [
        item.name for item in reversed(experiments)
    ]
    assert len(found) == 3


def test_an_experiment_with_evaluations_of_huge_rows_fits(stubs: Any, experiments: list[Any]) -> None:
    request = tune_experiment_service_pb2.GetTuneExperimentRequest(name=experiments[0].name)
    found = stubs.charges.fairly(lambda: stubs.experiments.GetTuneExperiment(request))

    assert found.ByteSize() < USUAL_RESPONSE_BYTES
    assert len(found.snapshots) == 3_000
    assert len(found.evaluations) == 5
    assert {len(row.input) for row in found.suspect_rows.rows} == {MAX_SUSPECT_CHARACTERS}
    assert found.suspect_rows.ByteSize() <= MAX_SUSPECT_ROWS_BYTES
    for evaluation in found.evaluations:
        example = evaluation.examples[0]
        assert example.input == WIDE * 994 + " [...]"
        assert evaluation.metrics["exact_match"] == 0.75
        table, matrix = evaluation.parts[0], evaluation.parts[1]
        assert "of 2,000 rows)" in table.title
        assert 0 < len(table.table.rows) < 2_000
        assert len(matrix.matrix.values) == len(matrix.matrix.row_labels) * len(matrix.matrix.column_labels) > 0


def test_the_watch_of_such_an_experiment_fits(stubs: Any, experiments: list[Any]) -> None:
    request = tune_experiment_service_pb2.WatchTuneExperimentRequest(name=experiments[0].name)

    messages = stubs.charges.fairly(lambda: list(stubs.experiments.WatchTuneExperiment(request)))

    assert [item.sequence for message in messages for item in message.tune_experiment.snapshots] == list(
        range(1, 3_001)
    )


def test_a_comparison_of_such_experiments_has_little_but_the_differences(stubs: Any, experiments: list[Any]) -> None:
    other = tune_experiment_service_pb2.CreateTuneExperimentRequest()
    other.tune_experiment.CopyFrom(experiments[0])
    other.tune_experiment.display_name = "changed"
    other.tune_experiment.instruction = WIDE * 19_000 + "x" * 1_000
    other.tune_experiment.parameters.init_text = "y" * 20_000
    other.tune_experiment.task_options.labels[:] = labels(999)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_checks, "MAX_LABEL_TOKENS", 10**6)
        changed = stubs.experiments.CreateTuneExperiment(other)
    names = [item.name for item in (*experiments, changed)]
    request = tune_experiment_service_pb2.CompareTuneExperimentsRequest(names=names)

    found = stubs.charges.fairly(lambda: stubs.experiments.CompareTuneExperiments(request))

    assert found.ByteSize() < 100_000
    assert MAX_CURVE_POINTS // 2 < len(found.tune_experiments[0].curve) <= MAX_CURVE_POINTS
    paths = {item.path for item in found.differing_fields}
    assert paths >= {"task_options.labels", "instruction", "parameters.init_text"}
    assert found.omitted_field_count == 0


def test_its_tuned_model_fits_alone_and_in_a_list(stubs: Any, experiments: list[Any]) -> None:
    (page,) = pages(
        stubs, stubs.tuned_models.ListTunedModels, tuned_model_service_pb2.ListTunedModelsRequest(), "tuned_models"
    )

    request = tuned_model_service_pb2.GetTunedModelRequest(name=page.tuned_models[0].name)
    found = stubs.charges.fairly(lambda: stubs.tuned_models.GetTunedModel(request))

    assert len(found.evaluations) == 5
    assert len(found.tags) == 20
    assert found.ByteSize() < USUAL_RESPONSE_BYTES


def test_labels_beyond_the_limits_are_refused_whether_declared_or_read_from_rows(stubs: Any) -> None:
    many = [{"input": f"Complaint {number}", "output": f"Label {number % 1_001}"} for number in range(2_002)]
    long = [{"input": f"Complaint {number}", "output": f"{number % 3}" * 201} for number in range(30)]
    tokens = [{"input": f"Complaint {number}", "output": f"{number % 120:03}{WIDE * 190}"} for number in range(360)]
    for rows, problem in ((many, "at most 1,000"), (long, "at most 200"), (tokens, "at most 65,536")):
        dataset = upload(stubs, to_jsonl(rows), chunk_bytes=2**19)
        request = experiment_request(dataset.name, task="classification", validate_only=True)
        assert problem in refused(stubs.experiments.CreateTuneExperiment, request).violations["tune_experiment.task"]


def test_free_form_parameters_beyond_the_limit_are_refused(stubs: Any) -> None:
    dataset = upload(stubs)
    request = experiment_request(dataset.name, validate_only=True)
    for number in range(4):
        request.tune_experiment.parameters.method_parameters[f"text_{number}"] = "x" * 17_000
        request.tune_experiment.task_options.extra[f"text_{number}"] = "x" * 17_000

    violations = refused(stubs.experiments.CreateTuneExperiment, request).violations

    assert "65,536 bytes" in violations["tune_experiment.parameters.method_parameters"]
    assert "65,536 bytes" in violations["tune_experiment.task_options.extra"]


def test_a_list_of_330_spaces_at_their_limits_fits(stubs: Any) -> None:
    space = {"display_name": WIDE * 200, "description": WIDE * 2_000, "tags": [WIDE * 63] * 20}
    for number in range(330):
        stubs.deployments.CreateSpace(
            deployment_service_pb2.CreateSpaceRequest(space_id=f"space-{number}", space=space)
        )

    request = deployment_service_pb2.ListSpacesRequest(page_size=1_000)
    found = pages(stubs, stubs.deployments.ListSpaces, request, "spaces")

    assert len({item.name for page in found for item in page.spaces}) == 331
    assert len(found) == 3


def test_saved_prompts_at_their_limits_are_stored_and_listed(stubs: Any) -> None:
    names = [f"{'v' * 96}_{number:03}" for number in range(100)]
    instruction = "".join(f"{{{{{name}}}}}" for name in names)
    whole = {
        "structured": {"instruction": instruction, "input": WIDE * (MAX_SAVED_CHARACTERS - len(instruction) - 40)},
        "variables": [
            {"name": name, "default_value": WIDE * MAX_DEFAULT_VALUE, "description": WIDE * MAX_VARIABLE_DESCRIPTION}
            for name in names
        ],
        "note": WIDE * MAX_NOTE,
        "model": WIDE * MAX_MODEL,
    }
    saved = create_saved_prompt(
        stubs, display_name=WIDE * 200, description=WIDE * 2_000, tags=[WIDE * 63] * 20, **whole
    )
    create_saved_prompt(stubs, **whole)
    changed = {"name": saved.name, "version": {**whole, "note": "", "model": ""}}
    stubs.saved_prompts.UpdateSavedPrompt(saved_prompt_service_pb2.UpdateSavedPromptRequest(saved_prompt=changed))

    prompts = pages(
        stubs,
        stubs.saved_prompts.ListSavedPrompts,
        saved_prompt_service_pb2.ListSavedPromptsRequest(view="RESOURCE_VIEW_FULL"),
        "saved_prompts",
    )
    versions = pages(
        stubs,
        stubs.saved_prompts.ListSavedPromptVersions,
        saved_prompt_service_pb2.ListSavedPromptVersionsRequest(parent=saved.name, view="RESOURCE_VIEW_FULL"),
        "versions",
    )

    assert [len(page.saved_prompts) for page in prompts] == [1, 1]
    assert [page.versions[0].number for page in versions] == [2, 1]


def test_a_deployment_keeps_its_last_hundred_revisions_and_the_one_that_is_served(stubs: Any) -> None:
    created = stubs.deployments.CreateDeployment(
        deployment_service_pb2.CreateDeploymentRequest(
            deployment={"model": "baseModels/foreword--starter", "serving_name": "often-updated"}
        )
    )
    wait_for_deployment(stubs, created.name)
    database = stubs.server.database
    repository, probes = DeploymentRepository(database, "hostile"), ProbeQueue(database)
    failure = Failure.of(InternalError(WIDE * 5_000))
    for number in range(2, MAX_REVISIONS + 20):
        repository.update("default", "often-updated", model=ModelReference(base_model=f"missing-{number}"))
        for pending in probes.pending(10):
            if "missing" in str(pending.model.base_model):
                probes.failed("hostile", pending.key, failure)

    request = deployment_service_pb2.GetDeploymentRequest(name=created.name)
    found = stubs.charges.fairly(lambda: stubs.deployments.GetDeployment(request))

    assert found.ByteSize() < USUAL_RESPONSE_BYTES
    assert len(found.revisions) == MAX_REVISIONS
    numbers = [item.revision for item in found.revisions]
    assert (numbers[0], numbers[-2:]) == (MAX_REVISIONS + 19, [21, 1])
    assert found.serving_revision == 1
    assert max(len(item.error.message) for item in found.revisions) <= 1_000
    pages(stubs, stubs.deployments.ListDeployments, deployment_service_pb2.ListDeploymentsRequest(), "deployments")


def test_a_page_of_captured_requests_ends_at_its_limit(stubs: Any) -> None:
    policy = CapturePolicy(share=1.0)
    created = DeploymentRepository(stubs.server.database, "hostile").create(
        space="default",
        id="captured",
        serving_name="captured",
        model=ModelReference(base_model="foreword--starter"),
        capture=policy,
    )
    requests = [see(f"{number:0128}", input=WIDE * MAX_CAPTURED_CHARACTERS, output=WIDE) for number in range(20)]
    ledger = CaptureLedger(stubs.server.database, max_tenant_bytes=10**9)
    ledger.add(DeploymentName("hostile", "default", "captured"), created.create_time, requests)
    request = capture_service_pb2.ListCapturedRequestsRequest(
        name="tenants/hostile/spaces/default/deployments/captured", page_size=1_000
    )

    found = pages(stubs, stubs.captures.ListCapturedRequests, request, "captured_requests")

    assert [int(item.request_id) for page in found for item in page.captured_requests] == list(range(19, -1, -1))
    assert len(found) == 4


def test_a_report_about_thousands_of_faults_with_long_texts_fits(stubs: Any) -> None:
    declared = labels(40)
    rows = [{"input": WIDE * 100, "output": f"{number} {WIDE * 2_000}"} for number in range(1_500)]
    messages = upload_messages(
        to_jsonl(rows),
        dataset_service_pb2.CheckDatasetRequest,
        chunk_bytes=2**20,
        task="classification",
        task_options={"labels": declared},
    )

    report = stubs.datasets.CheckDataset(messages).report

    assert report.ByteSize() < USUAL_RESPONSE_BYTES
    assert report.findings


def test_a_page_of_rows_ends_at_its_limit(stubs: Any) -> None:
    rows = [{"input": WIDE * 80_000, "output": f"Answer {number}"} for number in range(20)]
    dataset = upload(stubs, to_jsonl(rows), chunk_bytes=2**20)
    request = dataset_service_pb2.ListDatasetRowsRequest(name=dataset.name, page_size=1_000)

    found = pages(stubs, stubs.datasets.ListDatasetRows, request, "rows")

    assert [row.row for page in found for row in page.rows] == list(range(1, 21))
    assert len(found) == 4
