"""TuneSweepService: plans, trials and refusals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest

from factories.api import create_sweep, make_file, refused, sweep_request, upload
from factories.servers import RunningServer
from foreword.v1 import tune_experiment_service_pb2, tune_sweep_pb2
from foreword.v1 import tune_sweep_service_pb2 as pb2

MINUTE = timedelta(minutes=1)
State = tune_sweep_pb2.TuneSweep.State


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    """A server with a queue for this file only."""
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    return upload(stubs).name


def violations(stubs, dataset: str, tried: dict[str, Any] | None = None, **fields: Any) -> dict[str, str]:
    failure = refused(stubs.sweeps.CreateTuneSweep, sweep_request(dataset, tried, **fields))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    return dict(failure.violations)


def values(sweep: Any) -> list[dict[str, Any]]:
    return [
        {name: getattr(value, str(value.WhichOneof("kind"))) for name, value in trial.values.items()}
        for trial in sweep.trials
    ]


def test_a_plan_has_the_trials_with_rungs_time_and_cost(stubs, dataset: str) -> None:
    tried = {"learning_rate": [0.01, 0.03], "num_virtual_tokens": [4, 8]}
    planned = create_sweep(
        stubs,
        dataset,
        tried,
        num_seeds=2,
        validate_only=True,
        tune_experiment={"parameters": {"num_epochs": 8, "refit": False}},
    )

    assert planned.name == ""
    assert values(planned)[::2] == [
        {"learning_rate": 0.01, "num_virtual_tokens": 4},
        {"learning_rate": 0.01, "num_virtual_tokens": 8},
        {"learning_rate": 0.03, "num_virtual_tokens": 4},
        {"learning_rate": 0.03, "num_virtual_tokens": 8},
    ]
    assert [trial.seed for trial in planned.trials] == [0, 1] * 4
    assert [(rung.epoch, rung.keep) for rung in planned.plan.rungs] == [(1, 4), (2, 2), (4, 1)]
    whole = create_sweep(
        stubs,
        dataset,
        tried,
        num_seeds=2,
        validate_only=True,
        halving=False,
        tune_experiment={"parameters": {"num_epochs": 8, "refit": False}},
    )
    assert whole.plan.trial_count == planned.plan.trial_count == 8
    assert planned.plan.planned_updates == pytest.approx(whole.plan.planned_updates * 2.5 / 8, abs=1)
    assert 0 < planned.plan.estimated_seconds < whole.plan.estimated_seconds
    assert planned.plan.validation_row_count > 0
    assert len({warning.code for warning in planned.plan.warnings}) == len(planned.plan.warnings)
    assert not stubs.sweeps.ListTuneSweeps(pb2.ListTuneSweepsRequest()).tune_sweeps


def test_a_sweep_is_created_read_listed_cancelled_and_deleted(stubs, dataset: str) -> None:
    created = create_sweep(
        stubs, dataset, {"tuning_type": ["prompt_tuning", "ia3"]}, tune_experiment={"parameters": {}}
    )

    assert created.state == State.STATE_QUEUED
    assert stubs.sweeps.GetTuneSweep(pb2.GetTuneSweepRequest(name=created.name)) == created
    experiments = [
        stubs.experiments.GetTuneExperiment(
            tune_experiment_service_pb2.GetTuneExperimentRequest(name=trial.tune_experiment)
        )
        for trial in created.trials
    ]
    assert [item.tuning_type for item in experiments] == ["prompt_tuning", "ia3"]
    assert {item.tune_sweep for item in experiments} == {created.name}
    (listed,) = stubs.sweeps.ListTuneSweeps(pb2.ListTuneSweepsRequest(filter='display_name : "sweep"')).tune_sweeps
    assert (listed.name, len(listed.trials)) == (created.name, 0)
    (full,) = stubs.sweeps.ListTuneSweeps(pb2.ListTuneSweepsRequest(view="RESOURCE_VIEW_FULL")).tune_sweeps
    assert full == created

    cancelled = stubs.sweeps.CancelTuneSweep(pb2.CancelTuneSweepRequest(name=created.name))
    assert cancelled.state == State.STATE_CANCELLED
    stubs.sweeps.DeleteTuneSweep(pb2.DeleteTuneSweepRequest(name=created.name))
    gone = refused(stubs.sweeps.GetTuneSweep, pb2.GetTuneSweepRequest(name=created.name))
    assert gone.code is grpc.StatusCode.NOT_FOUND


def test_all_trials_hold_out_the_same_rows_whatever_their_seeds(server: RunningServer, stubs, dataset: str) -> None:
    sweep = create_sweep(stubs, dataset, {}, num_seeds=3, tune_experiment={"parameters": {"seed": 7}})

    leases = [server.queue.lease("w", MINUTE) for _ in sweep.trials]
    plans = [lease.experiment.plan for lease in leases]
    assert [plan.parameters.seed for plan in plans] == [7, 8, 9]
    assert {plan.held_out_seed for plan in plans} == {7}
    stubs.sweeps.CancelTuneSweep(pb2.CancelTuneSweepRequest(name=sweep.name))
    for lease in leases:
        server.queue.cancelled(lease, 0.0)


def test_faulty_search_spaces_are_refused_by_field_with_the_remedy(stubs, dataset: str) -> None:
    swept = "tune_sweep.swept_parameters"

    assert "use one of: batch_size" in violations(stubs, dataset, {"rate": [1]})[f"{swept}[0].name"]
    assert "use `num_seeds`" in violations(stubs, dataset, {"seed": [1, 2]})[f"{swept}[0].name"]
    assert violations(stubs, dataset, {"learning_rate": [0.1, 20]})[f"{swept}[0].values[1]"] == (
        "must be in [1e-08, 10], not 20"
    )
    assert "is listed twice" in violations(stubs, dataset, {"batch_size": [4, 4]})[f"{swept}[0].values[1]"]
    assert "must be an int" in violations(stubs, dataset, {"batch_size": [4.5, 4]})[f"{swept}[0].values[0]"]
    assert violations(stubs, dataset, {"learning_rate": []})[f"{swept}[0]"] == "must have either values or a range"
    assert "make a single trial" in violations(stubs, dataset, {"learning_rate": [0.1]})[swept]
    grid = {"learning_rate": [number / 100 for number in range(1, 11)], "batch_size": list(range(1, 9))}
    assert "have 80 combinations, and at most 64 are allowed" in violations(stubs, dataset, grid)[swept]
    assert "[0, 16]" in violations(stubs, dataset, {}, num_seeds=17)["tune_sweep.num_seeds"]
    assert (
        "must be set for SEARCH_RANDOM"
        in violations(stubs, dataset, search="SEARCH_RANDOM")["tune_sweep.max_combinations"]
    )
    both = violations(stubs, dataset, {"num_epochs": [1, 2]})
    assert both["tune_sweep.tune_experiment.parameters.num_epochs"] == (
        "is set, and swept as well; leave it unset or do not sweep it"
    )


def test_faulty_ranges_are_refused(stubs, dataset: str) -> None:
    def fault(name: str, **limits: Any) -> dict[str, str]:
        request = sweep_request(dataset, {}, search="SEARCH_RANDOM", max_combinations=4)
        request.tune_sweep.swept_parameters.add(name=name, range=tune_sweep_pb2.SweptRange(**limits))
        return dict(refused(stubs.sweeps.CreateTuneSweep, request).violations)

    field = "tune_sweep.swept_parameters[0].range"
    assert "must be above the minimum" in fault("learning_rate", minimum=0.1, maximum=0.1)[f"{field}.maximum"]
    assert "must be finite" in fault("learning_rate", minimum=0.1, maximum=float("inf"))[f"{field}.maximum"]
    assert "is too wide" in fault("method_parameters.x", minimum=-1e308, maximum=1e308)[field]
    assert "is no number" in fault("optimizer", minimum=0.1, maximum=1)[field]
    assert "must be a whole number" in fault("batch_size", minimum=1.5, maximum=4)[f"{field}.minimum"]
    assert (
        "above 0 in a logarithmic range"
        in fault("warmup_ratio", minimum=0.0, maximum=0.5, logarithmic=True)[f"{field}.minimum"]
    )


def test_a_search_with_a_single_trial_is_refused_however_it_came_about(stubs, dataset: str) -> None:
    for limits, most in (((0.01, 0.03), 1), ((0.0100001, 0.0100002), 8)):
        request = sweep_request(dataset, {}, search="SEARCH_RANDOM", max_combinations=most)
        span = tune_sweep_pb2.SweptRange(minimum=limits[0], maximum=limits[1])
        request.tune_sweep.swept_parameters.add(name="learning_rate", range=span)
        faults = refused(stubs.sweeps.CreateTuneSweep, request).violations
        assert "make a single trial" in faults["tune_sweep.swept_parameters"]


def test_a_trial_that_starts_from_a_tuned_model_needs_one(stubs, dataset: str) -> None:
    faults = violations(stubs, dataset, {"init_method": ["random", "tuned_model"]})

    field = "tune_sweep.tune_experiment.parameters.init_tuned_model"
    assert "must be set when init_method is tuned_model" in faults[field]


def test_values_are_equal_only_if_their_types_are(stubs, dataset: str) -> None:
    faults = violations(stubs, dataset, {"method_parameters.averaging": [1, True, 1]})

    assert [field for field, text in faults.items() if "listed twice" in text] == [
        "tune_sweep.swept_parameters[0].values[2]"
    ]


def test_a_plan_counts_the_refits_of_the_trials_that_remain_and_the_epochs_of_each(stubs, dataset: str) -> None:
    def updates(tried: dict[str, Any], **parameters: Any) -> int:
        common = {"parameters": {"validation_split": 0.2, "batch_size": 8, **parameters}}
        sweep = create_sweep(stubs, dataset, tried, validate_only=True, tune_experiment=common)
        planned: int = sweep.plan.planned_updates
        return planned

    rates = {"learning_rate": [0.01, 0.03]}
    assert updates(rates, num_epochs=4, refit=False) == 3 * (4 + 2)  # 24 rows to train on; one is stopped after 2
    assert updates(rates, num_epochs=4, refit=True) == 3 * (4 + 2) + 4 * 4  # one is refitted, on all 30 rows
    assert updates({"num_epochs": [2, 8]}, refit=False) == 3 * (2 + (4 + 8) / 2)  # the longer may be stopped after 4


def test_a_value_that_does_not_fit_the_data_or_the_method_names_the_trial(stubs, dataset: str) -> None:
    faults = violations(
        stubs,
        dataset,
        {"tuning_type": ["prompt_tuning", "ia3"]},
        tune_experiment={"parameters": {"num_virtual_tokens": 4}},
    )

    ((field, text),) = faults.items()
    assert field == "tune_sweep.tune_experiment.parameters.num_virtual_tokens"
    assert text.endswith("(in trial 2: tuning_type=ia3)")


def test_rows_must_be_held_out(stubs, dataset: str) -> None:
    faults = violations(stubs, dataset, tune_experiment={"parameters": {"validation_split": 0}})

    assert "trials are compared on held-out rows" in faults["tune_sweep.tune_experiment.parameters.validation_split"]


def test_a_validation_dataset_is_held_out_for_all_trials(stubs, dataset: str) -> None:
    held_out = upload(stubs, make_file(12)).name

    planned = create_sweep(
        stubs, dataset, validate_only=True, tune_experiment={"parameters": {}, "validation_dataset": held_out}
    )

    assert planned.plan.validation_row_count == 12
