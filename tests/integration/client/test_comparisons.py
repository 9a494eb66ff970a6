"""Comparisons of experiments through the client."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from factories.api import make_file
from factories.servers import RunningServer
from foreword.client import Client, JobState, Scope, TuneExperiment
from foreword.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.endpoint, server.new_key(f"client-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected


@pytest.fixture
def runs(client: Client) -> Iterator[list[TuneExperiment]]:
    """Two queued runs on files with the same and other rows."""
    made = [
        client.tune(make_file(), display_name="rates", num_epochs=2, learning_rate=0.01),
        client.tune(make_file(32), display_name="rates", num_epochs=2),
    ]
    yield made
    for run in made:
        client.cancel_tune_experiment(run)


def test_experiments_are_compared_by_object_name_id_and_display_name(
    client: Client, runs: list[TuneExperiment]
) -> None:
    first, second = runs
    by_object = client.compare_tune_experiments(runs)

    assert client.compare_tune_experiments([first.name, second.name.rsplit("/", 1)[-1]]) == by_object
    assert client.compare_tune_experiments(["rates (1)", "rates (2)"]) == by_object
    assert [run.display_name for run in by_object.tune_experiments] == ["rates (1)", "rates (2)"]
    assert {run.state for run in by_object.tune_experiments} == {JobState.QUEUED}
    fields = {field.path: field.values for field in by_object.differing_fields}
    assert [value.value for value in fields["parameters.learning_rate"]] == [0.01, second.plan.parameters.learning_rate]
    assert [value.source for value in fields["parameters.learning_rate"]] == ["set", "recipe"]
    assert [value.value for value in fields["dataset"]] == [first.dataset, second.dataset]
    overlap = by_object.datasets[1].overlap
    assert overlap is not None
    assert (overlap.shared, overlap.added, overlap.removed, overlap.relabelled) == (30, 2, 0, 0)
    assert [finding.code for finding in by_object.findings] == ["HELD_OUT_ROWS_DIFFER", "NO_HELD_OUT_RESULTS"]


def test_too_few_repeated_and_missing_experiments_are_refused(client: Client, runs: list[TuneExperiment]) -> None:
    with pytest.raises(InvalidArgumentError, match="at least 2 experiments, not 1"):
        client.compare_tune_experiments(runs[:1])
    with pytest.raises(InvalidArgumentError, match=r"names\[1\]: is the same experiment as names\[0\]"):
        client.compare_tune_experiments(["rates (1)", runs[0]])
    with pytest.raises(InvalidArgumentError, match="must be a list"):
        client.compare_tune_experiments("rates (1)")
    with pytest.raises(NotFoundError, match="No tune experiment is called 'rates-9'"):
        client.compare_tune_experiments(["rates (1)", "rates-9"])


def test_a_comparison_of_runs_that_have_not_begun_has_no_picture(client: Client, runs: list[TuneExperiment]) -> None:
    with pytest.raises(FailedPreconditionError, match="learning curve yet"):
        client.plot_comparison(runs)
    with pytest.raises(FailedPreconditionError, match="learning curve yet"):
        client.plot_comparison(client.compare_tune_experiments(runs))
