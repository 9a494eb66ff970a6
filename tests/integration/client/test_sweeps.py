"""Sweeps through the client."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from factories.api import make_file
from foreword.client import Client, Scope, Search, SweepState, SweptRange
from foreword.domain.failure import Failure
from foreword.errors import CancelledError, DeadlineExceededError, FailedPreconditionError, InvalidArgumentError

MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(server):
    with Client(server.endpoint, server.new_key(f"client-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected


def test_a_sweep_uploads_its_rows_and_is_found_by_name(client: Client) -> None:
    made = client.sweep(make_file(), display_name="rates", swept={"learning_rate": [0.01, 0.02]}, num_seeds=2)

    assert (made.state, made.search, made.num_seeds) == (SweepState.QUEUED, Search.GRID, 2)
    assert made.swept_parameters == {"learning_rate": (0.01, 0.02)}
    assert [(trial.values["learning_rate"], trial.seed) for trial in made.trials] == [
        (0.01, 0), (0.01, 1), (0.02, 0), (0.02, 1),
    ]  # fmt: skip
    assert client.get_tune_sweep("rates (1)") == made
    assert client.get_tune_experiment(made.trials[0].tune_experiment).tune_sweep == made.name
    (listed,) = client.list_tune_sweeps()
    assert (listed.name, listed.trials, listed.plan) == (made.name, (), made.plan)
    client.cancel_tune_sweep(made)
    client.delete_tune_sweep(made)
    assert client.list_tune_sweeps() == []


def test_a_refused_sweep_leaves_no_dataset(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match=r"values\[1\]: must be in"):
        client.sweep(make_file(), display_name="rates", swept={"learning_rate": [0.01, 200]})

    assert client.list_datasets() == []


def test_values_that_cannot_be_sent_are_refused_before_the_upload(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match=r"swept\.learning_rate\[0\]"):
        client.sweep(make_file(), display_name="rates", swept={"learning_rate": [object()]})
    with pytest.raises(InvalidArgumentError, match="must be a list"):
        client.sweep(make_file(), display_name="rates", swept={"optimizer": "adamw"})


def test_a_random_search_draws_from_a_range(client: Client) -> None:
    dataset = client.upload_dataset(make_file(), display_name="complaints")
    planned = client.create_tune_sweep(
        dataset,
        display_name="rates",
        swept={"num_virtual_tokens": SweptRange(minimum=4, maximum=30)},
        search="random",
        max_combinations=3,
        validate_only=True,
    )

    lengths = [trial.values["num_virtual_tokens"] for trial in planned.trials]
    assert len(set(lengths)) == 3
    assert all(isinstance(length, int) and 4 <= length <= 30 for length in lengths)
    assert planned.swept_parameters == {"num_virtual_tokens": SweptRange(minimum=4, maximum=30)}


def test_waiting_ends_with_the_sweep(server, client: Client) -> None:
    seen = []
    sweep = client.sweep(make_file(), display_name="rates", num_seeds=2)
    with pytest.raises(DeadlineExceededError, match="wait for it again later"):
        client.wait_for_sweep(sweep, timeout_seconds=0.0, on_change=seen.append)
    client.cancel_tune_sweep(sweep)
    with pytest.raises(CancelledError):
        client.wait_for_sweep(sweep, on_change=seen.append)
    assert [item.state for item in seen] == [SweepState.QUEUED, SweepState.CANCELLED]


def test_a_sweep_without_a_successful_trial_fails_with_the_reasons(start_server) -> None:
    server = start_server()
    with Client(server.endpoint, server.new_key("failing", tuple(Scope))) as client:
        sweep = client.sweep(make_file(), display_name="rates", num_seeds=2)
        for message in ("The loss is not finite.", "Out of memory."):
            lease = server.queue.lease("w", MINUTE)
            server.queue.fail(lease, Failure(kind="internal", reason="TEST", message=message), 0.0)
        with pytest.raises(FailedPreconditionError) as caught:
            client.wait_for_sweep(sweep)

    assert "Trial 1 failed: The loss is not finite. Trial 2 failed: Out of memory. Leave out" in caught.value.message
