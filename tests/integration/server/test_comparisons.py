"""TuneExperimentService.CompareTuneExperiments: what differs, data, results, curves and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from factories.api import create_experiment, make_file, refused, upload
from factories.ended_runs import end_oldest, held_out_results
from factories.servers import RunningServer
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.v1 import dataset_service_pb2, tune_experiment_pb2, tune_experiment_service_pb2

State = tune_experiment_pb2.TuneExperiment.State


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


def compare(stubs: Any, experiments: Sequence[Any], **fields: Any) -> Any:
    names = [item if isinstance(item, str) else item.name for item in experiments]
    return stubs.experiments.CompareTuneExperiments(
        tune_experiment_service_pb2.CompareTuneExperimentsRequest(names=names, **fields)
    )


def fails(stubs: Any, names: Sequence[str], **fields: Any) -> Any:
    request = tune_experiment_service_pb2.CompareTuneExperimentsRequest(names=names, **fields)
    return refused(stubs.experiments.CompareTuneExperiments, request)


def violations(stubs: Any, names: Sequence[str]) -> dict[str, str]:
    failure = fails(stubs, names)
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    return dict(failure.violations)


def codes(comparison: Any) -> list[str]:
    return [finding.code for finding in comparison.findings]


def values(comparison: Any) -> dict[str, list[tuple[Any, str]]]:
    """Values and sources of each differing field."""
    return {
        field.path: [(getattr(item.value, str(item.value.WhichOneof("kind"))), item.source) for item in field.values]
        for field in comparison.differing_fields
    }


def test_only_what_differs_is_returned_with_its_source(stubs, dataset: str) -> None:
    common = {"num_epochs": 2, "num_virtual_tokens": 4}
    first = create_experiment(stubs, dataset, parameters=common)
    second = create_experiment(stubs, dataset, parameters={**common, "learning_rate": 0.01})

    found = compare(stubs, [second, first])

    recipe = first.plan.parameters.learning_rate
    assert values(found) == {"parameters.learning_rate": [(0.01, "set"), (recipe, "recipe")]}
    assert [item.name for item in found.tune_experiments] == [second.name, first.name]
    assert [item.display_name for item in found.tune_experiments] == [second.display_name, first.display_name]
    assert {item.state for item in found.tune_experiments} == {State.STATE_QUEUED}
    assert [item.held_out_group for item in found.tune_experiments] == [1, 1]
    assert codes(found) == ["NO_HELD_OUT_RESULTS"]


def test_results_and_curves_are_those_of_the_runs(start_server) -> None:
    server = start_server()  # with nothing else in its queue
    stubs = server.stubs()
    dataset = upload(stubs).name
    done, queued = create_experiment(stubs, dataset), create_experiment(stubs, dataset)
    end_oldest(server, steps=1_000)

    found = compare(stubs, [done, queued])

    first, second = found.tune_experiments
    assert first.state == State.STATE_SUCCEEDED
    assert first.main_metric == "exact_match"
    assert dict(first.metrics) == {"exact_match": 0.75, "perplexity": float("inf")}
    assert (first.evaluated_row_count, first.capacity_unit_hours) == (40, pytest.approx(90 / 3600))
    assert first.tuned_model.startswith("tenants/dev/tunedModels/")
    assert 100 < len(first.curve) <= 200
    assert [point.epoch for point in first.curve if point.HasField("validation_metric")] == [50.0, 100.0]
    assert (second.main_metric, dict(second.metrics), list(second.curve)) == ("", {}, [])
    assert [finding.message for finding in found.findings] == [f"{queued.display_name} has no held-out results yet."]


def test_metrics_on_the_same_rows_have_paired_intervals_and_noise_is_named(start_server) -> None:
    server = start_server()  # with nothing else in its queue
    stubs = server.stubs()
    dataset = upload(stubs).name
    runs = [create_experiment(stubs, dataset, parameters={"learning_rate": rate}) for rate in (0.1, 0.2, 0.3)]
    runs.append(create_experiment(stubs, dataset, parameters={"seed": 7}))
    for place, answers in enumerate(
        [["Service"] * 40, ["Service"] * 39 + ["Planning"], ["Planning"] * 40, ["Service"] * 40]
    ):
        end_oldest(server, steps=10, evaluation=held_out_results(answers), model=f"model-{place}")

    found = compare(stubs, runs)

    first, near, far, other_rows = found.tune_experiments
    assert [len(first.differences), len(other_rows.differences)] == [0, 0]
    for run, difference, is_clear in ((near, -1 / 40, False), (far, -1.0, True)):
        (main,) = (item for item in run.differences if item.metric == run.main_metric)
        assert main.difference == pytest.approx(difference)
        assert (main.interval.upper < 0) == is_clear
        assert main.interval.lower <= main.difference <= main.interval.upper
    (noise,) = (finding for finding in found.findings if finding.code == "WITHIN_NOISE")
    assert noise.message.startswith(
        f"{near.display_name} is not clearly better or worse than {first.display_name}: the"
    )


def test_datasets_are_compared_by_content_and_by_rows(stubs, dataset: str) -> None:
    lines = make_file().splitlines(keepends=True)
    relabelled = lines[1].replace(b"Service", b"Planning")
    changed = upload(stubs, b"".join([lines[0], relabelled, *lines[3:], *make_file(32).splitlines(keepends=True)[-2:]]))
    same = upload(stubs)
    runs = [create_experiment(stubs, name) for name in (dataset, changed.name, same.name, dataset)]

    found = compare(stubs, runs)

    assert [item.name for item in found.datasets] == [dataset, changed.name, same.name]
    first, second, third = found.datasets
    assert first.content_sha256 == third.content_sha256 != second.content_sha256
    assert [item.row_count for item in found.datasets] == [30, 31, 30]
    assert not first.HasField("overlap")
    counts = second.overlap
    assert (counts.shared_row_count, counts.added_row_count, counts.removed_row_count) == (28, 3, 2)
    assert counts.relabelled_row_count == 1
    assert (third.overlap.shared_row_count, third.overlap.added_row_count) == (30, 0)
    assert [item.held_out_group for item in found.tune_experiments] == [1, 2, 1, 1]
    assert codes(found)[0] == "HELD_OUT_ROWS_DIFFER"
    assert runs[1].display_name in found.findings[0].message


def test_a_validation_dataset_makes_metrics_comparable(stubs, dataset: str) -> None:
    held_out, other = upload(stubs, make_file(12)), upload(stubs, make_file(40))
    runs = [create_experiment(stubs, name, validation_dataset=held_out.name) for name in (dataset, other.name)]

    found = compare(stubs, runs)

    assert [item.held_out_group for item in found.tune_experiments] == [1, 1]
    assert "HELD_OUT_ROWS_DIFFER" not in codes(found)


def test_experiments_on_a_deleted_dataset_can_be_compared(server: RunningServer, stubs, dataset: str) -> None:
    gone = upload(stubs, make_file(31))
    run = create_experiment(stubs, gone.name)
    stubs.experiments.CancelTuneExperiment(tune_experiment_service_pb2.CancelTuneExperimentRequest(name=run.name))
    stubs.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(name=gone.name))

    found = compare(stubs, [create_experiment(stubs, dataset), run])

    assert [item.deleted for item in found.datasets] == [False, True]
    assert (found.datasets[1].name, found.datasets[1].display_name) == (gone.name, "")
    assert "DATASET_DELETED" in codes(found)


def test_rows_that_are_missing_in_the_store_do_not_prevent_a_comparison(
    server: RunningServer, stubs, dataset: str
) -> None:
    lost = upload(stubs, make_file(33))
    run = create_experiment(stubs, lost.name)
    stored = DatasetRepository(server.database, "dev").get(lost.name.rsplit("/", 1)[1])
    server.artifacts.delete(stored.artifact)

    found = compare(stubs, [create_experiment(stubs, dataset), run])

    assert not found.datasets[1].HasField("overlap")
    assert "ROWS_NOT_COMPARED" in codes(found)


def test_too_few_too_many_and_repeated_names_are_refused(stubs, dataset: str) -> None:
    name = create_experiment(stubs, dataset).name
    many = [f"tenants/dev/tuneExperiments/{number}" for number in range(21)]

    assert violations(stubs, []) == {"names": "must name at least 2 experiments, not 0"}
    assert violations(stubs, [name]) == {"names": "must name at least 2 experiments, not 1"}
    assert violations(stubs, many) == {"names": "must name at most 20 experiments, not 21"}
    repeated = violations(stubs, [name, "x", name])
    assert repeated["names[2]"] == "is the same experiment as names[0]; name each experiment once"
    assert repeated["names[1]"].startswith("must look like tenants/{tenant}/tuneExperiments/{tune_experiment}")


def test_an_experiment_that_does_not_exist_is_named_with_its_place(stubs, dataset: str) -> None:
    name = create_experiment(stubs, dataset).name

    failure = fails(stubs, [name, f"{name}-gone"])

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.message == f"{name}-gone does not exist. Check names[1]."
    assert failure.resource == f"{name}-gone"


def test_the_parent_must_be_the_callers_tenant(stubs, dataset: str) -> None:
    names = [create_experiment(stubs, dataset).name for _ in range(2)]

    assert len(compare(stubs, names, parent="tenants/dev").tune_experiments) == 2
    assert fails(stubs, names, parent="tenants/other").code is grpc.StatusCode.NOT_FOUND
    assert "parent" in fails(stubs, names, parent="dev").violations


def test_twenty_experiments_can_be_compared(stubs, dataset: str) -> None:
    runs = [create_experiment(stubs, dataset, parameters={"num_epochs": 2, "seed": seed}) for seed in range(20)]

    found = compare(stubs, runs)

    assert [value for value, _ in values(found)["parameters.seed"]] == list(range(20))
    assert [item.held_out_group for item in found.tune_experiments] == list(range(1, 21))
