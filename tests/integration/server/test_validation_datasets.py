"""Experiments whose held-out rows are those of another dataset."""

from __future__ import annotations

import grpc
import pytest

from factories.api import create_experiment, experiment_request, make_file, refused, to_jsonl, upload
from factories.servers import RunningServer
from foreword.domain.tenant import Scope
from foreword.v1 import dataset_service_pb2
from foreword.v1 import tune_experiment_service_pb2 as pb2


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


def held_out(stubs, output: str = "Service") -> str:
    rows = [{"input": f"Question number {number}", "output": output} for number in range(8)]
    return upload(stubs, to_jsonl(rows), display_name="held-out").name


def test_a_validation_dataset_is_planned_stored_and_returned(stubs, dataset: str):
    validation = held_out(stubs)

    created = create_experiment(stubs, dataset, validation_dataset=validation)

    assert created.validation_dataset == validation
    assert (created.plan.training_row_count, created.plan.validation_row_count) == (30, 8)
    assert created.plan.sources["validation_split"] == "validation_dataset"
    assert stubs.experiments.GetTuneExperiment(pb2.GetTuneExperimentRequest(name=created.name)) == created
    listed = stubs.experiments.ListTuneExperiments(
        pb2.ListTuneExperimentsRequest(filter=f'validation_dataset = "{validation}"')
    )
    assert [item.name for item in listed.tune_experiments] == [created.name]


def test_the_same_file_again_is_reported_as_trained_on(stubs, dataset: str):
    again = upload(stubs, make_file(), display_name="again").name

    plan = create_experiment(stubs, dataset, validation_dataset=again, validate_only=True).plan

    (finding,) = [item for item in plan.warnings if item.code == "VALIDATION_ROWS_TRAINED"]
    assert finding.row_count == 30


def test_a_share_is_refused_beside_a_validation_dataset(stubs, dataset: str):
    request = experiment_request(
        dataset, validation_dataset=held_out(stubs), parameters={"validation_split": 0.1, "refit": True}
    )

    failure = refused(stubs.experiments.CreateTuneExperiment, request)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {
        "tune_experiment.validation_dataset",
        "tune_experiment.parameters.validation_split",
        "tune_experiment.parameters.refit",
    }


def test_a_name_that_is_none_is_named_with_its_field(stubs, dataset: str):
    request = experiment_request(dataset, validation_dataset="held-out.jsonl")

    failure = refused(stubs.experiments.CreateTuneExperiment, request)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {"tune_experiment.validation_dataset"}


def test_a_validation_dataset_of_another_tenant_is_as_unknown_as_a_missing_one(server: RunningServer, stubs, dataset):
    theirs = held_out(server.stubs(server.new_key("other")))
    missing = "tenants/dev/datasets/none"

    failures = [
        refused(stubs.experiments.CreateTuneExperiment, experiment_request(dataset, validation_dataset=name))
        for name in (theirs, missing)
    ]

    assert [failure.code for failure in failures] == [grpc.StatusCode.NOT_FOUND] * 2
    assert [failure.resource for failure in failures] == [theirs, missing]
    assert failures[0].message.replace(theirs, missing) == failures[1].message


def test_a_key_without_read_sees_only_its_own_validation_datasets(server: RunningServer):
    everyone = server.stubs(server.new_key("writers"))
    writer = server.stubs(server.new_key("writers", [Scope.WRITE]))
    own, foreign = upload(writer).name, held_out(everyone)

    failure = refused(writer.experiments.CreateTuneExperiment, experiment_request(own, validation_dataset=foreign))

    assert (failure.code, failure.resource) == (grpc.StatusCode.NOT_FOUND, foreign)


def test_a_validation_dataset_cannot_be_deleted_while_a_run_needs_it(stubs, dataset: str):
    validation = held_out(stubs)
    created = create_experiment(stubs, dataset, validation_dataset=validation)
    request = dataset_service_pb2.DeleteDatasetRequest(name=validation)

    failure = refused(stubs.datasets.DeleteDataset, request)
    stubs.experiments.CancelTuneExperiment(pb2.CancelTuneExperimentRequest(name=created.name))
    stubs.datasets.DeleteDataset(request)

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RESOURCE_IN_USE")
    assert failure.metadata["user"] == created.name
