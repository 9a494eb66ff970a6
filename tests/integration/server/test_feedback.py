"""Feedback about answers, and the datasets that are made of it, with real servers."""

from __future__ import annotations

import json
from itertools import count

import pytest

from factories.api import submit_feedback, tuned_model
from factories.scrapes import scrape
from factories.servers import RunningServer
from foreword.client import CapturePolicy, Client, Deployment
from foreword.domain.tenant import Scope
from foreword.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)

BASE = "baseModels/foreword--starter"
TEXT = "Two screws are missing."
_names = count(1)


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server(metrics=True, metrics_port=0)


@pytest.fixture(scope="module")
def client(server):
    with Client(server.endpoint, "dev") as connected:
        yield connected


@pytest.fixture(scope="module")
def model(server) -> str:
    """A model with the labels Planning, Service, Warehouse and Marketing, of which it chooses several."""
    return tuned_model(server, server.stubs())


@pytest.fixture
def deployment(client: Client, model: str) -> Deployment:
    return client.create_deployment(
        model, serving_name=f"triage-{next(_names)}", capture=CapturePolicy(share=1.0, max_requests=50)
    )


def rows(client: Client, dataset) -> set[tuple[str, str]]:
    return {(row.input, row.output) for row in client.list_dataset_rows(dataset)}


def test_feedback_follows_an_answer_at_once(client, deployment):
    answer = client.classify(deployment.serving_name, TEXT)
    wrong = sorted({"Planning", "Service"} - set(answer.labels))[:1]

    right = client.submit_feedback(deployment.serving_name, answer, labels=list(reversed(answer.labels)))
    corrected = client.submit_feedback(deployment, answer.request_id, labels=wrong, comment="Ask jane@example.com")

    assert (right.request_id, right.correct) == (answer.request_id, True)
    assert (corrected.right_labels, corrected.correct, corrected.comment) == (tuple(wrong), False, "Ask [e-mail]")
    (found,) = client.list_captured_requests(deployment)
    assert found.feedback == corrected
    assert found.captured


def test_every_answer_has_an_id_for_feedback(client, deployment):
    name = deployment.serving_name
    answers = [
        client.classify(name, TEXT),
        client.generate(name, TEXT, max_new_tokens=2),
        [piece.result for piece in client.stream_generate(name, TEXT, max_new_tokens=2)][-1],
        *client.batch_generate(name, [TEXT, "Nobody answers."], max_new_tokens=2),
        *client.batch_classify(name, [TEXT, "Nobody answers."]),
    ]

    given = [client.submit_feedback(name, answer, score=1.0) for answer in answers]

    assert len({item.request_id for item in given}) == len(answers)
    assert len(client.list_captured_requests(deployment, filter="has_feedback = true AND captured = true")) == 7


@pytest.mark.parametrize(
    ("options", "field", "problem"),
    [
        (
            {"labels": ["Servise"]},
            "feedback.right_labels.labels[0]",
            "is no label of the model. Did you mean 'Service'?",
        ),
        ({"labels": ["Service", "Service"]}, "feedback.right_labels.labels", "must not hold a label twice"),
        ({"labels": ["One, two"], "allow_new_labels": True}, "feedback.right_labels.labels[0]", "separates labels"),
        ({"output": "Service"}, "feedback.right_output", "set right_labels instead"),
        ({"score": 1.0, "input": " \u2028"}, "feedback.input", "must not be empty"),
        ({"score": 1.5}, "feedback.score", "must be in [0, 1]"),
        ({}, "feedback", "says nothing; set right_labels, right_output, score or comment"),
        ({"labels": ["Service"], "output": "Service"}, "output", "give one right answer"),
    ],
)
def test_feedback_that_cannot_be_meant_is_refused(client, deployment, options, field: str, problem: str):
    answer = client.classify(deployment.serving_name, TEXT)

    with pytest.raises(InvalidArgumentError) as raised:
        client.submit_feedback(deployment, answer, **options)

    assert [item.field for item in raised.value.violations] == [field]
    assert problem in raised.value.violations[0].description


def test_feedback_on_an_id_that_is_an_address_is_refused(client, deployment):
    with pytest.raises(InvalidArgumentError) as raised:
        client.submit_feedback(deployment, "anna@example.com", score=1.0, input=TEXT)

    assert [item.field for item in raised.value.violations] == ["feedback.request_id"]


def test_labels_that_the_next_model_is_to_learn_are_accepted_and_redacted(client, deployment):
    answer = client.classify(deployment.serving_name, TEXT)

    given = client.submit_feedback(
        deployment, answer, labels=["Returns", "Call 555-123-4567", "Service"], allow_new_labels=True
    )

    assert given.right_labels == ("Returns", "Call [phone number]", "Service")


def test_a_request_that_was_not_captured_needs_its_input(client, deployment):
    with pytest.raises(NotFoundError, match="send the input") as raised:
        client.submit_feedback(deployment, "unknown", labels=["Service"])
    assert raised.value.reason == "REQUEST_NOT_CAPTURED"

    given = client.submit_feedback(deployment, "unknown", labels=["Service"], input="I am jane@example.com")

    assert given.correct is None
    (found,) = client.list_captured_requests(deployment)
    assert (found.input, found.captured, found.model_version) == ("I am [e-mail]", False, "")


def test_a_key_that_only_infers_submits_feedback_under_its_name(server, client, model):
    with Client(server.endpoint, server.new_key("acme")) as owner:
        owner.create_deployment(BASE, serving_name="answers", capture=CapturePolicy(share=1.0))
        with Client(server.endpoint, server.new_key("acme", [Scope.INFER])) as application:
            answer = application.classify("answers", TEXT, labels=["Good", "Bad"])
            given = application.submit_feedback("answers", answer, labels=["Bad"])
            assert given.author
            with pytest.raises(PermissionDeniedError):
                application.list_captured_requests("tenants/acme/spaces/default/deployments/answers")
        (found,) = owner.list_captured_requests("answers", filter=f"author = {given.author}")
        assert found.feedback == given
    with Client(server.endpoint, server.new_key("stranger")) as stranger, pytest.raises(NotFoundError):
        stranger.submit_feedback("tenants/acme/spaces/default/deployments/answers", answer, labels=["Good"])


def test_feedback_is_counted(server, client, deployment):
    answer = client.classify(deployment.serving_name, TEXT)
    client.submit_feedback(deployment, answer, labels=answer.labels)
    client.submit_feedback(deployment, answer, labels=())
    client.submit_feedback(deployment, answer, score=0.5)

    scraped = scrape(server.metrics.port)
    for correct in ("yes", "no", "unknown"):
        labels = {"deployment": deployment.serving_name, "correct": correct}
        assert scraped.value("foreword_feedback_total", **labels) == 1


def test_requests_with_right_answers_become_a_labelled_dataset_with_its_provenance(client, deployment):
    name = deployment.serving_name
    for number, label in enumerate(["Service", "Warehouse", "Planning"] * 4):
        answer = client.classify(name, f"Complaint {number}")
        client.submit_feedback(name, answer, labels=[label, "Marketing"] if number == 0 else [label])
    repeated = client.classify(name, "Complaint 1")
    client.submit_feedback(name, repeated, labels=["Marketing"])
    client.submit_feedback(name, client.classify(name, "None of them"), labels=[])
    client.classify(name, "Not judged")

    dataset = client.export_captured_requests(deployment, display_name="judged", filter='input != "Complaint 2"')

    made = dataset.captured_from
    assert (made.deployment, made.filter) == (deployment.name, 'input != "Complaint 2"')
    assert (made.request_count, made.unanswered_count, made.repeated_count, made.revisions) == (14, 2, 1, (1,))
    assert made.first_time < made.last_time
    found = rows(client, dataset)
    assert len(found) == dataset.row_count == 11
    # In the order of the model's labels, and the newest of two answers.
    assert {("Complaint 0", "Service, Marketing"), ("Complaint 1", "Marketing")} <= found
    assert client.get_dataset(dataset.name) == dataset
    planned = client.create_tune_experiment(dataset, display_name="again", validate_only=True)
    assert "Marketing" in planned.plan.labels


def test_all_inputs_become_an_unlabelled_dataset_with_the_ids_of_their_requests(client, deployment):
    client.classify(deployment.serving_name, "First")
    answers = {text: client.classify(deployment.serving_name, text) for text in ("First", "Second")}

    dataset = client.export_captured_requests(deployment, display_name="inputs", unlabelled=True)

    assert dataset.unlabelled
    assert rows(client, dataset) == {("First", ""), ("Second", "")}
    stored = {row.input: json.loads(row.fields)["request_id"] for row in client.list_dataset_rows(dataset)}
    assert stored["Second"] == answers["Second"].request_id
    assert (dataset.captured_from.repeated_count, dataset.captured_from.unanswered_count) == (1, 0)


def test_a_text_becomes_the_output_of_its_row(server, client):
    client.create_deployment(BASE, serving_name="writer", capture=CapturePolicy(share=1.0))
    for number in range(3):
        answer = client.generate("writer", f"Question {number}", max_new_tokens=2)
        given = client.submit_feedback("writer", answer, output=f"Answer {number}\nfor jane@example.com")
    assert given.correct is False

    dataset = client.export_captured_requests("writer", display_name="answers")

    assert rows(client, dataset) == {(f"Question {number}", f"Answer {number}\nfor [e-mail]") for number in range(3)}


def test_an_export_without_rows_says_what_is_missing(client, deployment):
    with pytest.raises(FailedPreconditionError, match="has captured no requests"):
        client.export_captured_requests(deployment, display_name="empty")
    client.classify(deployment.serving_name, TEXT)
    with pytest.raises(FailedPreconditionError, match="has a right answer"):
        client.export_captured_requests(deployment, display_name="empty")
    with pytest.raises(FailedPreconditionError, match="meets the filter") as raised:
        client.export_captured_requests(deployment, display_name="empty", filter="abstained = true")
    assert raised.value.reason == "NO_CAPTURED_REQUESTS"
    with pytest.raises(InvalidArgumentError, match="filter by request_id"):
        client.export_captured_requests(deployment, display_name="empty", filter="mood = good")
    assert not [item for item in client.list_datasets() if item.display_name == "empty"]


def test_a_deletion_names_the_datasets_that_may_hold_what_was_deleted(server, client, deployment):
    answer = client.classify(deployment.serving_name, TEXT)
    client.submit_feedback(deployment, answer, labels=["Service"])
    dataset = client.export_captured_requests(deployment, display_name="kept")
    client.classify(deployment.serving_name, "Later")

    deletion = client.delete_captured_requests(deployment, request_ids=[answer.request_id])
    later = client.delete_captured_requests(deployment, filter="*")

    assert (deletion.deleted_count, deletion.datasets) == (1, (dataset.name,))
    assert (later.deleted_count, later.datasets) == (1, ())


def test_a_key_that_writes_exports_only_what_it_has_deployed(server, client, deployment):
    submit_feedback(server.stubs(), deployment.name)
    with Client(server.endpoint, server.new_key("dev", [Scope.WRITE])) as writer, pytest.raises(NotFoundError):
        writer.export_captured_requests(deployment.name, display_name="stolen")
