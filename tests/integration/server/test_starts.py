"""Experiments that start from a tuned model."""

from __future__ import annotations

import grpc
import pytest

from factories.api import create_experiment, experiment_request, refused, tuned_model, upload
from factories.servers import RunningServer
from foreword.domain.tenant import Scope

FIELD = "tune_experiment.parameters.init_tuned_model"


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


@pytest.fixture(scope="module")
def start(server: RunningServer, stubs) -> str:
    return tuned_model(server, stubs)


def test_a_start_is_planned_and_returned(stubs, dataset: str, start: str):
    planned = create_experiment(stubs, dataset, parameters={"init_tuned_model": start}, validate_only=True)

    assert planned.parameters.init_tuned_model == planned.plan.parameters.init_tuned_model == start
    assert planned.plan.parameters.init_method == "tuned_model"
    assert planned.plan.parameters.num_virtual_tokens == 8
    assert planned.plan.sources["num_virtual_tokens"] == "tuned_model"
    assert "HELD_OUT_ROWS_MAY_BE_TRAINED" in [item.code for item in planned.plan.warnings]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"parameters": {"init_method": "tuned_model"}}, "must be set when init_method is tuned_model"),
        ({"parameters": {"init_method": "random", "init_tuned_model": "START"}}, "but init_method is random"),
        ({"parameters": {"init_tuned_model": "complaints (1)"}}, "must look like tenants/"),
        ({"parameters": {"init_tuned_model": "START"}, "tuning_type": "ia3"}, "of the tuning method prompt_tuning"),
    ],
)
def test_a_start_that_does_not_fit_is_named_with_its_field(stubs, dataset: str, start: str, fields: dict, problem: str):
    parameters = {name: start if value == "START" else value for name, value in fields["parameters"].items()}
    request = experiment_request(dataset, **{**fields, "parameters": parameters})

    failure = refused(stubs.experiments.CreateTuneExperiment, request)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert problem in failure.violations[FIELD]


def test_a_start_of_another_tenant_is_as_unknown_as_a_missing_one(server: RunningServer, dataset: str, start: str):
    other = server.stubs(server.new_key("globex"))
    own, missing = upload(other).name, "tenants/globex/tunedModels/none"

    failures = [
        refused(
            other.experiments.CreateTuneExperiment,
            experiment_request(own, parameters={"init_tuned_model": name}),
        )
        for name in (start, missing)
    ]

    assert [failure.code for failure in failures] == [grpc.StatusCode.NOT_FOUND] * 2
    assert failures[0].message.replace(start, missing) == failures[1].message


def test_a_key_without_read_starts_only_from_its_own_models(server: RunningServer, start: str):
    writer = server.stubs(server.new_key("dev", [Scope.WRITE]))

    failure = refused(
        writer.experiments.CreateTuneExperiment,
        experiment_request(upload(writer).name, parameters={"init_tuned_model": start}),
    )

    assert (failure.code, failure.resource) == (grpc.StatusCode.NOT_FOUND, start)
