"""Evaluations through both clients, against a service that evaluates by a script."""

from __future__ import annotations

from contextlib import contextmanager

import grpc
import pytest

from factories.clients import DrivenAsyncClient
from factories.scripted_evaluations import STATE, ScriptedService, served
from foreword.client import Client, EvaluatedSystem, JobState, RowSelection
from foreword.errors import (
    CancelledError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from foreword.v1 import evaluation_service_pb2

NAME = "tenants/a/evaluations/e1"


@pytest.fixture(params=[Client, DrivenAsyncClient])
def serving(request):
    @contextmanager
    def serve(service):
        with served(service) as address, request.param(address, "key") as client:
            yield client

    return serve


def models(service):
    return [system.model for system in service.created[-1].evaluation.systems]


def test_rows_are_uploaded_and_evaluated_and_the_results_returned(serving):
    service = ScriptedService(STATE.STATE_QUEUED, STATE.STATE_RUNNING, STATE.STATE_SUCCEEDED)

    with serving(service) as client:
        found = client.evaluate(
            [("a", "b")],
            [
                "complaints",
                EvaluatedSystem(model="baseModels/starter", shots=3, constrained=True, instruction="Answer."),
            ],
            display_name="March",
            examples_dataset=[("c", "d")],
        )

    assert found.state is JobState.SUCCEEDED
    assert found.results[0].metrics["exact_set_match"] == pytest.approx(0.72)
    (request,) = service.created
    assert service.uploaded == ["March", "March examples"]
    assert (request.evaluation.dataset, request.evaluation.examples_dataset) == (
        "tenants/a/datasets/d1", "tenants/a/datasets/d2",
    )  # fmt: skip
    second = request.evaluation.systems[1]
    assert (second.model, second.shots, second.constrained, second.instruction) == (
        "baseModels/starter", 3, True, "Answer.",
    )  # fmt: skip
    assert service.deleted == []


def test_a_model_may_be_a_serving_name_or_the_id_or_the_display_name_of_a_tuned_model(serving):
    service = ScriptedService()

    with serving(service) as client:
        made = client.create_evaluation(
            "tenants/a/datasets/d", ["complaints", "m1", "second (1)", "second"], display_name="e"
        )

    assert models(service) == ["complaints", *(f"tenants/a/tunedModels/{id}" for id in ("m1", "m2", "m2"))]
    assert made.state is JobState.QUEUED


def test_a_refused_evaluation_leaves_no_dataset(serving):
    service = ScriptedService()

    with serving(service) as client, pytest.raises(NotFoundError, match=r"No model is called 'nothing' either\. List"):
        client.evaluate([("a", "b")], ["complaints", "nothing"])

    assert service.uploaded == []
    with serving(service) as client, pytest.raises(FailedPreconditionError, match="do not suit"):
        client.evaluate([("a", "b")], ["complaints"], task="other")
    assert service.deleted == ["tenants/a/datasets/d1"]


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        ("complaints", r"systems: must be a list, not 'complaints'; write \['complaints'\]"),
        ([EvaluatedSystem(model="m", shots="many")], r"systems\[0\]\.shots: must be a whole number"),
        (["m", EvaluatedSystem(model="m", instruction="\udcff")], r"systems\[1\]\.instruction: is not valid text"),
        ([7], "must be a model or its name, not a int"),
    ],
)
def test_systems_that_cannot_be_sent_are_refused_before_the_upload(serving, systems, message):
    service = ScriptedService()

    with serving(service) as client, pytest.raises(InvalidArgumentError, match=message):
        client.evaluate([("a", "b")], systems)

    assert service.uploaded == []


def test_a_broken_watch_is_continued_and_repeats_nothing(serving):
    service = ScriptedService(
        STATE.STATE_QUEUED, grpc.StatusCode.UNAVAILABLE, STATE.STATE_QUEUED, STATE.STATE_RUNNING,
        grpc.StatusCode.CANCELLED, STATE.STATE_RUNNING, STATE.STATE_SUCCEEDED,
    )  # fmt: skip

    with serving(service) as client:
        seen = [item.state for item in client.watch_evaluation(NAME)]

    assert seen == [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED]
    assert service.watches == 3


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (STATE.STATE_FAILED, FailedPreconditionError, "e1 failed: Rows are missing."),
        (STATE.STATE_CANCELLED, CancelledError, "e1 was cancelled."),
    ],
)
def test_waiting_raises_why_there_are_no_results(serving, state, error, message):
    with serving(ScriptedService(STATE.STATE_RUNNING, state)) as client, pytest.raises(error, match=message):
        client.wait_for_evaluation(NAME)


def test_waiting_ends_in_time(serving):
    seen = []

    with (
        serving(ScriptedService(STATE.STATE_RUNNING)) as client,
        pytest.raises(DeadlineExceededError, match="It continues; wait for it again later"),
    ):
        client.wait_for_evaluation(NAME, timeout_seconds=0.5, on_change=seen.append)

    assert [item.state for item in seen] == [JobState.RUNNING]


def test_rows_are_read_from_all_pages_of_a_selection(serving):
    service = ScriptedService()

    with serving(service) as client:
        rows = [item.row for item in client.list_evaluation_rows(NAME, selection="different")]
        few = [item.row for item in client.list_evaluation_rows(NAME, selection=RowSelection.WRONG, limit=1)]

    assert rows == [1, 2, 5, 6]
    assert few == [1]
    chosen = evaluation_service_pb2.ListEvaluationRowsRequest
    assert {page.selection for page in service.pages[:3]} == {chosen.SELECTION_DIFFERENT}
    assert (service.pages[3].selection, service.pages[3].page_size) == (chosen.SELECTION_WRONG, 1)


def test_an_unknown_selection_is_refused(serving):
    with (
        serving(ScriptedService()) as client,
        pytest.raises(InvalidArgumentError, match="must be one of all, different, wrong, not 'right'"),
    ):
        list(client.list_evaluation_rows(NAME, selection="right"))
