"""EvaluationService: systems and their models, results, rows and refusals."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from factories.api import (
    create_evaluation,
    create_experiment,
    evaluation_request,
    make_file,
    refused,
    tuned_model,
    upload,
)
from factories.servers import RunningServer
from foreword.v1 import dataset_service_pb2, evaluation_pb2, tuned_model_service_pb2
from foreword.v1 import evaluation_service_pb2 as pb2

BASE = "baseModels/foreword--starter"
State = evaluation_pb2.Evaluation.State
Selection = pb2.ListEvaluationRowsRequest.Selection


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


@pytest.fixture(scope="module")
def model(server: RunningServer, stubs, dataset: str) -> str:
    return server.tune_by_hand(create_experiment(stubs, dataset).name)


@pytest.fixture(scope="module")
def evaluated(server: RunningServer, stubs, dataset: str, model: str) -> Any:
    """An evaluation that has succeeded."""
    shots = {"model": BASE, "shots": 3, "constrained": True, "instruction": "Choose the departments."}
    name = create_evaluation(stubs, dataset, model, BASE, shots, display_name="compared").name
    server.evaluate(name)
    return stubs.evaluations.GetEvaluation(pb2.GetEvaluationRequest(name=name))


def violations(stubs, dataset: str, *systems: Any, **fields: Any) -> dict[str, str]:
    failure = refused(stubs.evaluations.CreateEvaluation, evaluation_request(dataset, *systems, **fields))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT, failure.message
    return dict(failure.violations)


def rows(stubs, name: str, **fields: Any) -> list[Any]:
    """All rows of an evaluation, in pages of the given size."""
    found: list[Any] = []
    request = pb2.ListEvaluationRowsRequest(name=name, **fields)
    while True:
        page = stubs.evaluations.ListEvaluationRows(request)
        found += page.rows
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def test_a_plan_names_the_systems_with_their_versions_and_creates_nothing(stubs, dataset: str, model: str) -> None:
    shots = {"model": "foreword--starter", "shots": 3, "constrained": True}

    planned = create_evaluation(
        stubs, dataset, model, BASE, shots, {**shots, "instruction": "Choose."}, validate_only=True
    )

    assert planned.name == ""
    assert [item.id for item in planned.systems] == [
        "tuned",
        "base_zero_shot",
        "base_three_shot_constrained",
        "base_three_shot_constrained_2",
    ]
    assert [item.version for item in planned.systems] == [model, BASE, BASE, BASE]
    assert planned.task == "classification"
    assert planned.examples_dataset == dataset
    assert planned.estimated_seconds > 0


def test_warnings_name_rows_that_a_model_has_seen_and_labels_that_it_does_not_know(stubs, dataset: str, model: str):
    seen = make_file().decode().splitlines()[:2]
    unseen = json.dumps({"input": "The invoice is wrong.", "output": "Finance"})
    other = upload(stubs, "\n".join([unseen, *seen]).encode()).name
    shots = {"model": BASE, "shots": 1}

    on_others = create_evaluation(stubs, other, model, shots, examples_dataset=dataset, validate_only=True)
    on_its_own = create_evaluation(stubs, dataset, model, validate_only=True)
    made = create_evaluation(stubs, other, BASE)

    found = {item.code: item for item in on_others.warnings}
    assert found.keys() == {"TUNED_ON_ROWS", "UNKNOWN_LABELS", "EXAMPLES_AMONG_ROWS"}
    assert (list(found["TUNED_ON_ROWS"].rows), found["TUNED_ON_ROWS"].row_count) == ([2, 3], 2)
    assert found["TUNED_ON_ROWS"].message.startswith("tuned was tuned on 2 of the 3 rows")
    assert "tuned does not know: Finance." in found["UNKNOWN_LABELS"].message
    assert list(found["EXAMPLES_AMONG_ROWS"].rows) == [2, 3]
    assert [item.message.split(", so")[0] for item in on_its_own.warnings] == [
        f"tuned was tuned on all {on_its_own.warnings[0].row_count} rows"
    ]
    assert not made.warnings
    stubs.evaluations.CancelEvaluation(pb2.CancelEvaluationRequest(name=made.name))


def test_a_plan_to_tune_on_evaluated_rows_says_so(stubs, evaluated, model: str, dataset: str) -> None:
    again = upload(stubs, display_name="the same rows").name

    (remark,) = [
        item
        for item in create_experiment(stubs, again, validate_only=True).plan.warnings
        if item.code == "EVALUATED_ROWS"
    ]

    assert "/evaluations/" in remark.message
    other = create_experiment(stubs, upload(stubs, make_file(40)).name, validate_only=True).plan.warnings
    assert "EVALUATED_ROWS" not in {item.code for item in other}


def test_results_have_intervals_differences_calibration_and_cost(evaluated) -> None:
    assert evaluated.state == State.STATE_SUCCEEDED, evaluated.error
    assert [item.system for item in evaluated.results] == ["tuned", "base_zero_shot", "base_three_shot_constrained"]
    for result in evaluated.results:
        interval = result.intervals[result.main_metric]
        assert interval.lower <= result.metrics[result.main_metric] <= interval.upper
        assert result.HasField("calibration") == (result.system != "base_zero_shot")
        assert result.mean_seconds > 0
    zero, three = evaluated.results[1], evaluated.results[2]
    assert three.mean_tokens > zero.mean_tokens
    assert {(item.system, item.reference) for item in evaluated.differences} == {
        ("base_zero_shot", "tuned"),
        ("base_three_shot_constrained", "tuned"),
    }
    assert evaluated.progress.answered_count == evaluated.progress.total_count
    assert evaluated.capacity_unit_hours > 0
    assert evaluated.display_name == "compared (1)"


def test_all_rows_are_listed_in_order_whatever_the_size_of_the_pages(stubs, evaluated) -> None:
    found = rows(stubs, evaluated.name, page_size=7)

    assert [row.row for row in found] == list(range(1, evaluated.results[0].row_count + 1))
    assert found == rows(stubs, evaluated.name, page_size=1000)
    first = found[0]
    assert [answer.system for answer in first.answers] == [system.id for system in evaluated.systems]
    assert 0 < first.answers[0].probability <= 1
    assert first.answers[0].label_probabilities
    assert not first.answers[1].HasField("probability")


def test_different_and_wrong_rows_are_selected(stubs, evaluated) -> None:
    everything = rows(stubs, evaluated.name)

    different = rows(stubs, evaluated.name, selection=Selection.SELECTION_DIFFERENT, page_size=3)
    wrong = rows(stubs, evaluated.name, selection=Selection.SELECTION_WRONG, page_size=3)

    assert len(different) == evaluated.differing_row_count
    assert wrong == [row for row in everything if row.answers[0].score < 1]
    exact = evaluated.results[0].metrics["exact_match"]
    assert len(wrong) == round((1 - exact) * len(everything))


def test_a_page_token_belongs_to_its_selection(stubs, evaluated) -> None:
    page = stubs.evaluations.ListEvaluationRows(pb2.ListEvaluationRowsRequest(name=evaluated.name, page_size=2))
    request = pb2.ListEvaluationRowsRequest(
        name=evaluated.name, page_token=page.next_page_token, selection=Selection.SELECTION_WRONG
    )

    assert refused(stubs.evaluations.ListEvaluationRows, request).violations.keys() == {"page_token"}


def test_a_watch_ends_with_the_results_and_a_list_leaves_them_out(stubs, evaluated) -> None:
    *_, last = stubs.evaluations.WatchEvaluation(pb2.WatchEvaluationRequest(name=evaluated.name))
    (listed,) = stubs.evaluations.ListEvaluations(
        pb2.ListEvaluationsRequest(filter='state = SUCCEEDED AND display_name : "compared"')
    ).evaluations

    assert last.evaluation == evaluated
    assert listed.name == evaluated.name
    assert not listed.results
    assert not listed.differences


def test_a_queued_evaluation_is_cancelled_at_once_and_deleted(stubs, dataset: str) -> None:
    name = create_evaluation(stubs, dataset).name

    active = refused(stubs.evaluations.DeleteEvaluation, pb2.DeleteEvaluationRequest(name=name))
    unfinished = refused(stubs.evaluations.ListEvaluationRows, pb2.ListEvaluationRowsRequest(name=name))
    cancelled = stubs.evaluations.CancelEvaluation(pb2.CancelEvaluationRequest(name=name))
    stubs.evaluations.DeleteEvaluation(pb2.DeleteEvaluationRequest(name=name))
    gone = refused(stubs.evaluations.GetEvaluation, pb2.GetEvaluationRequest(name=name))

    assert active.reason == "EVALUATION_ACTIVE"
    assert unfinished.reason == "EVALUATION_WITHOUT_ROWS"
    assert cancelled.state == State.STATE_CANCELLED
    assert gone.code is grpc.StatusCode.NOT_FOUND


def test_a_cancelled_evaluation_lists_its_answers_and_says_that_its_results_are_partial(
    server: RunningServer, stubs, dataset: str, model: str
) -> None:
    name = create_evaluation(stubs, dataset, model, BASE).name

    def cancel(moment: str) -> None:
        if moment == "answers.add.after_commit":
            stubs.evaluations.CancelEvaluation(pb2.CancelEvaluationRequest(name=name))

    server.evaluate(name, cancel)

    found = stubs.evaluations.GetEvaluation(pb2.GetEvaluationRequest(name=name))
    assert (found.state, found.partial) == (State.STATE_CANCELLED, True)
    assert [(item.system, item.row_count) for item in found.results] == [("tuned", 30)]
    listed = rows(stubs, name)
    assert [row.row for row in listed] == list(range(1, 31))
    assert {tuple(answer.system for answer in row.answers) for row in listed} == {("tuned",)}
    wrong = rows(stubs, name, selection=Selection.SELECTION_WRONG)
    assert [row.row for row in wrong] == [row.row for row in listed if row.answers[0].score < 1]
    assert rows(stubs, name, selection=Selection.SELECTION_DIFFERENT) == []


def test_deleting_an_evaluation_deletes_its_rows(server: RunningServer, stubs, dataset: str) -> None:
    name = create_evaluation(stubs, dataset).name
    server.evaluate(name)
    folder = server.artifacts.folder
    assert folder is not None
    stored = [path for path in folder.rglob("rows.jsonl") if name.rsplit("/", 1)[1] in str(path)]

    stubs.evaluations.DeleteEvaluation(pb2.DeleteEvaluationRequest(name=name))

    assert len(stored) == 1
    assert not stored[0].exists()


def test_a_dataset_of_a_queued_evaluation_is_not_deleted(stubs) -> None:
    dataset = upload(stubs, display_name="needed").name
    evaluation = create_evaluation(stubs, dataset).name

    failure = refused(stubs.datasets.DeleteDataset, dataset_service_pb2.DeleteDatasetRequest(name=dataset))

    assert failure.reason == "RESOURCE_IN_USE"
    assert evaluation in failure.message
    stubs.evaluations.CancelEvaluation(pb2.CancelEvaluationRequest(name=evaluation))


def test_every_faulty_system_is_named(stubs, dataset: str) -> None:
    found = violations(
        stubs,
        dataset,
        {"model": "", "id": "Upper Case"},
        {"model": BASE, "id": "same", "shots": 9},
        {"model": BASE, "id": "same", "verbalizer": "no input"},
    )

    assert found.keys() == {
        "evaluation.systems[0].id",
        "evaluation.systems[0].model",
        "evaluation.systems[1].shots",
        "evaluation.systems[2].id",
        "evaluation.systems[2].verbalizer",
    }


def test_systems_are_checked_without_rows(stubs, model: str) -> None:
    planned = create_evaluation(stubs, "", model, BASE, validate_only=True)
    unknown = evaluation_request("", model, "nobody", validate_only=True)

    assert [(item.id, item.version) for item in planned.systems] == [("tuned", model), ("base_zero_shot", BASE)]
    assert (planned.dataset, planned.task, planned.estimated_seconds) == ("", "classification", 0)
    assert create_evaluation(stubs, "", BASE, validate_only=True).task == ""
    assert set(violations(stubs, "", {"model": model, "shots": 2}, validate_only=True)) == {
        "evaluation.systems[0].shots"
    }
    assert refused(stubs.evaluations.CreateEvaluation, unknown).code is grpc.StatusCode.NOT_FOUND
    assert set(violations(stubs, "", model)) == {"evaluation.dataset"}


def test_a_system_that_is_asked_just_like_another_is_refused(stubs, dataset: str) -> None:
    assert violations(stubs, dataset, BASE, {"model": "foreword--starter", "id": "again"}).keys() == {
        "evaluation.systems[1]"
    }


@pytest.mark.parametrize("count", [0, 9])
def test_too_few_and_too_many_systems_are_refused(stubs, dataset: str, count: int) -> None:
    request = pb2.CreateEvaluationRequest(
        evaluation=evaluation_pb2.Evaluation(display_name="x", dataset=dataset, systems=[{"model": BASE}] * count)
    )

    assert refused(stubs.evaluations.CreateEvaluation, request).violations.keys() == {"evaluation.systems"}


def test_a_tuned_model_is_asked_as_it_was_trained(stubs, dataset: str, model: str) -> None:
    changed = {"model": model, "shots": 1, "constrained": True, "instruction": "x", "verbalizer": "x {{input}}"}

    found = violations(stubs, dataset, changed, task_options={"separator": ";"})

    assert found.keys() == {
        *(f"evaluation.systems[0].{field}" for field in ("shots", "constrained", "instruction", "verbalizer")),
        "evaluation.task_options.separator",
    }


def test_examples_without_rows_to_take_them_from_are_refused(stubs, dataset: str) -> None:
    assert violations(stubs, dataset, {"model": BASE, "shots": 1}).keys() == {"evaluation.examples_dataset"}


def test_free_text_cannot_be_restricted_to_labels(stubs, dataset: str) -> None:
    found = violations(stubs, dataset, {"model": BASE, "constrained": True}, task="generation")

    assert found.keys() == {"evaluation.systems[0].constrained"}


def test_a_model_of_another_task_is_refused_by_name(stubs, dataset: str, model: str) -> None:
    found = violations(stubs, dataset, model, task="generation")

    assert "classification" in found["evaluation.systems[0].model"]


def test_a_model_that_does_not_exist_is_not_found(stubs, dataset: str) -> None:
    failure = refused(stubs.evaluations.CreateEvaluation, evaluation_request(dataset, "nobody"))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert "nobody" in failure.message


def test_another_tenants_model_and_examples_are_not_found(server: RunningServer, stubs, dataset: str) -> None:
    other = server.stubs(server.new_key("other"))
    theirs, rows_of_theirs = tuned_model(server, other), upload(other).name

    for request in (
        evaluation_request(dataset, theirs),
        evaluation_request(dataset, {"model": BASE, "shots": 1}, examples_dataset=rows_of_theirs),
    ):
        assert refused(stubs.evaluations.CreateEvaluation, request).code is grpc.StatusCode.NOT_FOUND


def test_an_evaluation_survives_the_deletion_of_its_models(server: RunningServer, stubs, dataset: str) -> None:
    model = server.tune_by_hand(create_experiment(stubs, dataset).name)
    name = create_evaluation(stubs, dataset, model).name
    server.evaluate(name)

    stubs.tuned_models.DeleteTunedModel(tuned_model_service_pb2.DeleteTunedModelRequest(name=model))

    assert stubs.evaluations.GetEvaluation(pb2.GetEvaluationRequest(name=name)).results
    failure = refused(stubs.evaluations.CreateEvaluation, evaluation_request(dataset, model))
    assert failure.code is grpc.StatusCode.NOT_FOUND
