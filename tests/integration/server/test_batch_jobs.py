"""BatchJobService: plans, answers, refusals, and unlabelled datasets."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from factories.api import (
    batch_job_request,
    create_batch_job,
    create_experiment,
    evaluation_request,
    experiment_request,
    make_file,
    refused,
    to_jsonl,
    upload,
)
from factories.servers import RunningServer
from foreword.scheduling.batches.run import PART_ROWS
from foreword.v1 import batch_job_pb2, dataset_service_pb2, inference_service_pb2
from foreword.v1 import batch_job_service_pb2 as pb2

BASE = "baseModels/foreword--starter"
TEXTS = ["Two screws are missing.", "Nobody answers the phone.", "word " * 900, "The flyer was wrong."]
State = batch_job_pb2.BatchJob.State
Selection = pb2.ListBatchAnswersRequest.Selection


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    """A server with a queue for this file only."""
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def model(server: RunningServer, stubs) -> str:
    return server.tune_by_hand(create_experiment(stubs, upload(stubs).name).name)


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    """An unlabelled dataset whose third row is too long to be answered."""
    return upload(stubs, to_jsonl({"input": text, "id": 7} for text in TEXTS), unlabelled=True).name


def answered(server: RunningServer, stubs, dataset: str, **fields: Any) -> Any:
    """A batch job that has ended."""
    name = create_batch_job(stubs, dataset, **fields).name
    server.evaluate(name)
    return stubs.batch_jobs.GetBatchJob(pb2.GetBatchJobRequest(name=name))


def answers(stubs, name: str, **fields: Any) -> list[Any]:
    """All answers of a batch job, in pages of the given size."""
    found: list[Any] = []
    request = pb2.ListBatchAnswersRequest(name=name, **fields)
    while True:
        page = stubs.batch_jobs.ListBatchAnswers(request)
        found += page.answers
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
        request.after_row = 0


def test_the_answers_are_those_of_classify(server: RunningServer, stubs, dataset: str, model: str) -> None:
    job = answered(server, stubs, dataset, model=model, classify={})

    assert job.state == State.STATE_SUCCEEDED
    assert job.WhichOneof("request") == "classify"
    assert (job.version, job.progress.answered_count, job.progress.failed_count) == (model, 4, 1)
    found = answers(stubs, job.name)
    assert [answer.input for answer in found] == TEXTS
    for answer in found:
        request = inference_service_pb2.ClassifyRequest(model=model, text=answer.input)
        if answer.row == 3:
            failure = refused(stubs.inference.Classify, request)
            assert answer.error.message.startswith("text: has ")
            assert answer.error.code == failure.code.value[0]
            continue
        alone = stubs.inference.Classify(request)
        assert list(answer.labels) == list(alone.labels)
        assert answer.probability == pytest.approx(alone.label_sets[0].probability, abs=0.02)
        assert answer.usage == alone.usage


def test_the_answers_are_those_of_generate(server: RunningServer, stubs, dataset: str) -> None:
    job = answered(server, stubs, dataset, model=BASE, generate={"max_new_tokens": 4})

    for answer in answers(stubs, job.name):
        if answer.row != 3:
            alone = stubs.inference.Generate(
                inference_service_pb2.GenerateRequest(model=BASE, text=answer.input, parameters=job.generate)
            )
            assert (answer.answer, answer.stop_reason, answer.usage) == (alone.text, alone.stop_reason, alone.usage)


def test_answers_are_selected_and_listed_in_pages_and_after_a_row(server: RunningServer, stubs, dataset: str) -> None:
    job = answered(server, stubs, dataset, classify={"labels": ["a", "b"], "threshold": 1.0})

    assert [answer.row for answer in answers(stubs, job.name, page_size=2)] == [1, 2, 3, 4]
    assert [answer.row for answer in answers(stubs, job.name, after_row=2)] == [3, 4]
    assert [answer.row for answer in answers(stubs, job.name, selection=Selection.SELECTION_FAILED)] == [3]
    unsure = answers(stubs, job.name, selection=Selection.SELECTION_ABSTAINED, page_size=1)
    assert [(answer.row, answer.abstained, answer.answer) for answer in unsure] == [
        (1, True, ""),
        (2, True, ""),
        (4, True, ""),
    ]
    page = pb2.ListBatchAnswersRequest(name=job.name, page_size=1)
    page.page_token = stubs.batch_jobs.ListBatchAnswers(page).next_page_token
    page.after_row = 1
    assert set(refused(stubs.batch_jobs.ListBatchAnswers, page).violations) == {"after_row"}


def test_a_plan_has_rows_tokens_time_and_cost_and_creates_nothing(stubs, dataset: str, model: str) -> None:
    planned = create_batch_job(stubs, dataset, model=model, validate_only=True)

    plan = planned.plan
    assert (planned.name, plan.row_count, planned.version) == ("", 4, model)
    assert 512 < plan.input_tokens < 600
    assert plan.estimated_seconds == pytest.approx(3600 * plan.capacity_unit_hours)
    assert plan.estimated_seconds > 0
    request = pb2.ListBatchJobsRequest(filter="state = QUEUED")
    assert not stubs.batch_jobs.ListBatchJobs(request).batch_jobs


def test_a_plan_counts_the_tokens_of_labels_that_are_charged(stubs, dataset: str) -> None:
    def seconds(*labels: str) -> float:
        planned = create_batch_job(stubs, dataset, classify={"labels": labels}, validate_only=True)
        return planned.plan.estimated_seconds

    short, long = seconds("a", "b"), seconds("a " * 50, "b " * 50)

    assert long > 1.1 * short


def test_a_row_of_any_length_counts_as_a_full_context_in_the_plan(stubs) -> None:
    huge = upload(stubs, to_jsonl([{"input": "x" * 1_040_000}]), unlabelled=True).name

    assert create_batch_job(stubs, huge, validate_only=True).plan.input_tokens == 512


def test_failed_rows_are_listed_without_reading_the_parts_that_have_none(server: RunningServer, stubs) -> None:
    texts = ["Text."] * PART_ROWS + ["word " * 900, "Text."]
    name = upload(stubs, to_jsonl({"input": text} for text in texts), unlabelled=True).name
    job = answered(server, stubs, name, classify={"labels": ["a", "b"]})
    first, _ = sorted((server.settings.home / "artifacts").rglob(f"batchJobs/{job.name.rsplit('/', 1)[-1]}.*/*/*"))

    first.unlink()

    assert [answer.row for answer in answers(stubs, job.name, selection=Selection.SELECTION_FAILED)] == [PART_ROWS + 1]
    assert refused(answers, stubs, job.name).reason == "ARTIFACT_MISSING"


def test_the_model_and_the_options_are_checked_without_rows(stubs, model: str) -> None:
    planned = create_batch_job(stubs, "", model=model, validate_only=True)
    bad = batch_job_request("", model=model, classify={"labels": ["a"], "threshold": 0.5}, validate_only=True)
    unknown = batch_job_request("", model="nobody", validate_only=True)

    assert (planned.version, planned.dataset, planned.HasField("plan")) == (model, "", False)
    assert set(refused(stubs.batch_jobs.CreateBatchJob, bad).violations) == {"batch_job.classify.labels"}
    assert refused(stubs.batch_jobs.CreateBatchJob, unknown).code is grpc.StatusCode.NOT_FOUND
    assert set(refused(stubs.batch_jobs.CreateBatchJob, batch_job_request("")).violations) == {"batch_job.dataset"}


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"model": BASE, "classify": {}}, "LABELS_MISSING", ""),
        ({"model": BASE, "classify": {"labels": ["a", "b"], "min_precision": 0.9}}, "CALIBRATION_MISSING", ""),
        ({"model": BASE, "classify": {"labels": ["a", "a"]}}, "", "batch_job.classify.labels[1]"),
        ({"model": BASE, "classify": {"labels": ["a"], "threshold": 2}}, "", "batch_job.classify.threshold"),
        ({"model": BASE, "generate": {"max_new_tokens": 10_000}}, "", "batch_job.generate.max_new_tokens"),
        ({"model": BASE, "generate": {"time_limit": {"seconds": 1}}}, "", "batch_job.generate.time_limit"),
        (
            {"model": BASE, "generate": {"return_options": {"input_text": True}}},
            "",
            "batch_job.generate.return_options",
        ),
        ({"model": ""}, "", "batch_job.model"),
    ],
)
def test_what_does_not_suit_the_model_is_refused_by_field(
    stubs, dataset: str, fields: dict[str, Any], reason: str, field: str
) -> None:
    failure = refused(stubs.batch_jobs.CreateBatchJob, batch_job_request(dataset, **fields))

    if field:
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert set(failure.violations) == {field}
    else:
        assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)


def test_a_tuned_model_has_its_own_labels(stubs, dataset: str, model: str) -> None:
    request = batch_job_request(dataset, model=model, classify={"labels": ["a"]})

    assert set(refused(stubs.batch_jobs.CreateBatchJob, request).violations) == {"batch_job.classify.labels"}


def test_an_unlabelled_dataset_is_neither_trained_nor_evaluated_on(stubs, dataset: str) -> None:
    labelled = upload(stubs).name
    for method, request, field in (
        (stubs.experiments.CreateTuneExperiment, experiment_request(dataset), "tune_experiment.dataset"),
        (
            stubs.experiments.CreateTuneExperiment,
            experiment_request(labelled, validation_dataset=dataset),
            "tune_experiment.validation_dataset",
        ),
        (stubs.evaluations.CreateEvaluation, evaluation_request(dataset), "evaluation.dataset"),
    ):
        failure = refused(method, request)
        assert set(failure.violations) == {field}
        assert "has no outputs" in failure.violations[field] or "have no outputs" in failure.violations[field]


def test_answers_have_the_other_fields_and_the_numbers_of_their_rows(server: RunningServer, stubs) -> None:
    lines = [f'{{"id": {place}, "input": "Text {place}."}}\n' for place in range(5)]
    name = upload(stubs, "\n\n".join(lines).encode(), unlabelled=True).name

    job = answered(server, stubs, name, classify={"labels": ["a", "b"]})

    found = [(answer.row, answer.fields_json) for answer in answers(stubs, job.name, page_size=2)]
    assert found == [(1 + 3 * place, f'{{"id": {place}}}') for place in range(5)]
    assert [answer.row for answer in answers(stubs, job.name, after_row=7)] == [10, 13]
    assert [answer.row for answer in answers(stubs, job.name, after_row=8)] == [10, 13]
    assert answers(stubs, job.name, after_row=13) == []


def test_an_unlabelled_upload_reads_only_inputs_and_names_faulty_rows(stubs) -> None:
    stored = upload(stubs, b"id,input\n1,Two screws are missing.\n2,Nobody answers.\n", unlabelled=True)
    content = to_jsonl([{"input": "x"}, {"note": "y"}, {"input": " "}])

    failure = refused(upload, stubs, content, unlabelled=True)

    rows = stubs.datasets.ListDatasetRows(dataset_service_pb2.ListDatasetRowsRequest(name=stored.name)).rows
    assert [(row.input, row.output) for row in rows] == [("Two screws are missing.", ""), ("Nobody answers.", "")]
    assert stored.unlabelled
    assert [row.fields_json for row in rows] == ['{"id": "1"}', '{"id": "2"}']
    assert not stored.report.findings
    assert set(failure.violations) == {"rows[2].input", "rows[3].input"}
    assert set(refused(upload, stubs, content, unlabelled=True, task="classification").violations) == {"header.task"}


def test_a_labelled_dataset_can_be_answered_and_is_kept_while_a_job_needs_it(stubs) -> None:
    dataset = upload(stubs, make_file()).name
    job = create_batch_job(stubs, dataset)
    delete = dataset_service_pb2.DeleteDatasetRequest(name=dataset)

    failure = refused(stubs.datasets.DeleteDataset, delete)
    assert failure.reason == "RESOURCE_IN_USE"
    assert job.name in failure.message
    active = refused(stubs.batch_jobs.DeleteBatchJob, pb2.DeleteBatchJobRequest(name=job.name))
    assert active.reason == "BATCH_JOB_ACTIVE"
    cancelled = stubs.batch_jobs.CancelBatchJob(pb2.CancelBatchJobRequest(name=job.name))
    (watched,) = stubs.batch_jobs.WatchBatchJob(pb2.WatchBatchJobRequest(name=job.name))
    assert cancelled.state == watched.batch_job.state == State.STATE_CANCELLED
    assert answers(stubs, job.name) == []
    stubs.batch_jobs.DeleteBatchJob(pb2.DeleteBatchJobRequest(name=job.name))
    stubs.datasets.DeleteDataset(delete)
