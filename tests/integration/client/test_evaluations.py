"""Evaluations through the client, against a real service without workers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from factories.api import make_file
from factories.servers import RunningServer
from foreword.client import Client, EvaluatedSystem, JobState, Scope
from foreword.errors import CancelledError, FailedPreconditionError, InvalidArgumentError, NotFoundError

BASE = "baseModels/foreword--starter"


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.endpoint, server.new_key(f"client-{time.time_ns()}", tuple(Scope))) as connected:
        yield connected
        # Other tests of this service lease jobs by hand.
        for evaluation in connected.list_evaluations(filter="state = QUEUED"):
            connected.cancel_evaluation(evaluation)


def tune(server: RunningServer, client: Client, name: str) -> str:
    """Return a tuned model whose display name is `name (1)`."""
    return server.tune_by_hand(client.tune(make_file(), display_name=name).name)


def test_models_are_named_as_for_inference_or_by_display_name(server: RunningServer, client: Client) -> None:
    model = tune(server, client, "Spring complaints")
    client.create_deployment(model, serving_name="complaints")

    made = client.evaluate(
        make_file(),
        [
            "complaints",
            EvaluatedSystem(model=BASE, shots=3, constrained=True, instruction="Name the department."),
        ],
        display_name="March",
        wait=False,
    )

    assert (made.state, made.display_name) == (JobState.QUEUED, "March (1)")
    assert [system.version for system in made.systems] == [model, BASE]
    assert [system.id for system in made.systems] == ["tuned", "base_three_shot_constrained"]
    for name in ("Spring complaints", model.rsplit("/", 1)[-1]):
        (system,) = client.create_evaluation(made.dataset, [name], display_name="x", validate_only=True).systems
        assert system.version == model
    assert made.examples_dataset == client.get_tuned_model(model).dataset
    assert client.get_evaluation("March").name == made.name
    (listed,) = client.list_evaluations(filter="state = QUEUED", order_by="create_time")
    assert (listed.name, listed.systems, listed.results) == (made.name, made.systems, ())


def test_a_queued_evaluation_is_cancelled_watched_and_deleted(client: Client) -> None:
    made = client.evaluate(make_file(), [BASE], display_name="March", wait=False)

    with pytest.raises(FailedPreconditionError):
        list(client.list_evaluation_rows(made))
    assert client.cancel_evaluation("March").state is JobState.CANCELLED
    assert [item.state for item in client.watch_evaluation("March")] == [JobState.CANCELLED]
    with pytest.raises(CancelledError, match="was cancelled"):
        client.wait_for_evaluation(made)
    client.delete_evaluation("March")
    assert client.list_evaluations() == []
    assert len(client.list_datasets()) == 1


def test_a_plan_is_checked_and_creates_nothing(client: Client) -> None:
    dataset = client.upload_dataset(make_file(), display_name="rows")

    planned = client.create_evaluation(
        "rows",
        [EvaluatedSystem(model=BASE, shots=2)],
        display_name="plan",
        examples_dataset=dataset,
        validate_only=True,
    )

    assert (planned.state, planned.task, planned.systems[0].id) == (
        JobState.QUEUED, "classification", "base_two_shot",
    )  # fmt: skip
    assert client.list_evaluations() == []


@pytest.mark.parametrize(
    ("systems", "error", "message"),
    [
        ([EvaluatedSystem(model=BASE, shots=3)], InvalidArgumentError, "examples_dataset: must be set"),
        ([], InvalidArgumentError, r"evaluation\.systems"),
        ([EvaluatedSystem(model=BASE, id="Big")], InvalidArgumentError, r"systems\[0\]\.id"),
        ([BASE, "complaint"], NotFoundError, "No model is called 'complaint' either"),
        (["baseModels/none"], NotFoundError, "none"),
    ],
)
def test_a_refused_evaluation_leaves_no_dataset(client: Client, systems, error, message: str) -> None:
    with pytest.raises(error, match=message):
        client.evaluate(make_file(), systems)

    assert client.list_datasets() == client.list_evaluations() == []
