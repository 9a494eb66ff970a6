"""Capture of requests under traffic: real servers, real requests."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import pytest

from factories.api import tuned_model
from factories.plugins import make_plugin
from factories.scrapes import scrape
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.client import CapturedRequest, CapturePolicy, Client, Deployment
from foreword.errors import InvalidArgumentError, NotFoundError
from foreword.plugin.manager import PluginManager
from foreword.server.captures import recorder
from foreword.server.captures.redaction import Redactor
from foreword.v1 import inference_service_pb2 as pb2

TEXT = "Two screws are missing."
ALL = CapturePolicy(share=1.0)
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
    return tuned_model(server, server.stubs())


def deploy(client: Client, model: str, capture: CapturePolicy | None = ALL) -> Deployment:
    """Deploy a model under a new name."""
    return client.create_deployment(model, serving_name=f"triage-{next(_names)}", capture=capture)


def captured(server: RunningServer, client: Client, deployment: Deployment, **options) -> list[CapturedRequest]:
    server.settle_captures()
    return client.list_captured_requests(deployment, **options)


def request_id(response: Any) -> str:
    """The id in the trailers of a call."""
    return dict(response.trailing_metadata())["x-request-id"]


def test_nothing_is_captured_unless_a_share_is_set(server, client, model):
    silent = deploy(client, model, capture=None)

    client.classify(silent.serving_name, TEXT)
    client.generate(silent.serving_name, TEXT, max_new_tokens=1)

    assert silent.capture == CapturePolicy(share=0.0, retention_days=30, max_requests=10_000)
    assert captured(server, client, silent) == []


def test_every_kind_of_request_is_captured_with_its_answer(server, client, model):
    deployment = deploy(client, model)
    stubs, name = server.stubs().inference, deployment.serving_name

    classified, call = stubs.Classify.with_call(pb2.ClassifyRequest(model=name, text=TEXT, threshold=1.0))
    generated, text_call = stubs.Generate.with_call(pb2.GenerateRequest(model=name, text=TEXT))
    streamed = stubs.StreamGenerate(pb2.StreamGenerateRequest(model=deployment.name, text="Streamed"))
    pieces = "".join(piece.text for piece in streamed)
    batch, batch_call = stubs.BatchGenerate.with_call(
        pb2.BatchGenerateRequest(model=name, requests=[{"text": "First"}, {"text": ""}, {"text": "Third"}])
    )

    found = {item.request_id: item for item in captured(server, client, deployment)}
    assert len(found) == 5
    labels = found[request_id(call)]
    best = classified.label_sets[0]
    assert (labels.input, labels.labels, labels.output) == (TEXT, tuple(best.labels), ", ".join(best.labels))
    assert (labels.probability, labels.threshold, labels.abstained) == (pytest.approx(best.probability), 1.0, True)
    assert (labels.revision, labels.model_version) == (1, model)
    text = found[request_id(text_call)]
    assert (text.output, text.labels, text.probability) == (generated.text, (generated.text,), None)
    assert found[request_id(streamed)].output == pieces
    places = {id for id in found if id.startswith(request_id(batch_call))}
    assert places == {f"{request_id(batch_call)}/{place}" for place in (0, 2)}
    assert found[f"{request_id(batch_call)}/2"].output == batch.results[2].response.text


def test_a_structured_prompt_is_captured_as_the_model_was_asked(server, client, model):
    deployment = deploy(client, model)

    server.stubs().inference.Classify(
        pb2.ClassifyRequest(
            model=deployment.serving_name,
            structured={"instruction": "Route {{what}}.", "input": TEXT, "input_prefix": "Complaint: "},
            prompt_variables={"what": "this"},
        )
    )

    (found,) = captured(server, client, deployment)
    assert found.input == f"Route this.\n\nComplaint: {TEXT}\nOutput:"


def test_a_repeated_request_is_captured_once_and_the_share_chooses_by_the_id(server, client, model):
    deployment = deploy(client, model, CapturePolicy(share=0.5))
    stub = server.stubs().inference

    for id in [f"request-{number}" for number in range(20)] * 2:
        stub.Classify(pb2.ClassifyRequest(model=deployment.serving_name, text=TEXT), metadata=[("x-request-id", id)])

    found = [item.request_id for item in captured(server, client, deployment)]
    assert len(found) == len(set(found))
    assert 4 <= len(found) <= 16  # the ids are always the same


def test_personal_data_and_keys_never_reach_the_database(server, client, model):
    deployment = deploy(client, model)
    secret = "fw_0123456789abcdef_S3kretS3kretS3kretS3kretS3kret"

    client.classify(deployment.serving_name, f"I am jane.doe@example.com, 555-123-4567, my basic key is {secret}")

    (found,) = captured(server, client, deployment)
    assert found.input == "I am [e-mail], [phone number], my basic key is fw_0123456789abcdef_***"
    home = server.settings.home_folder
    stored = b"".join(path.read_bytes() for path in home.glob("foreword.db*"))
    assert b"[e-mail], [phone number]" in stored
    assert b"jane.doe" not in stored
    assert b"S3kretS3kret" not in stored


def test_a_policy_is_set_changed_and_switched_off(server, client, model):
    deployment = deploy(client, model, capture=None)
    assert client.get_deployment(deployment).capture_usage is None

    changed = client.update_deployment(deployment, capture=CapturePolicy(share=1.0, retention_days=7, max_requests=2))
    for number in range(3):
        client.classify(deployment.serving_name, f"Number {number}")
    assert [item.input for item in captured(server, client, deployment)] == ["Number 2", "Number 1"]
    usage = client.get_deployment(deployment).capture_usage
    assert (usage.request_count, usage.full) == (2, True)
    assert usage.byte_size > len("Number 2" + "Number 1")

    off = client.update_deployment(deployment, capture=CapturePolicy(share=0.0))
    client.classify(deployment.serving_name, "Too late")
    assert [item.input for item in captured(server, client, deployment)] == ["Number 2", "Number 1"]
    assert (changed.capture.retention_days, off.capture.retention_days) == (7, 30)
    assert changed.revisions == off.revisions, "the model is the same, so there is no new revision"


def test_a_policy_out_of_range_is_refused(client, model):
    with pytest.raises(InvalidArgumentError) as raised:
        deploy(client, model, CapturePolicy(share=1.5, retention_days=0, max_requests=1_000_000))

    assert [item.field for item in raised.value.violations] == [
        "deployment.capture.share",
        "deployment.capture.retention_days",
        "deployment.capture.max_requests",
    ]


def test_a_request_can_be_deleted_in_the_moment_of_its_answer(server, client, model):
    deployment = deploy(client, model)
    ids = []
    for text in ("Forget me", "Keep me"):
        _, call = server.stubs().inference.Classify.with_call(
            pb2.ClassifyRequest(model=deployment.serving_name, text=text)
        )
        ids.append(request_id(call))

    assert client.delete_captured_requests(deployment, request_ids=[ids[0], "unknown"]).deleted_count == 1
    assert [item.input for item in captured(server, client, deployment)] == ["Keep me"]
    assert client.delete_captured_requests(deployment, filter="*").deleted_count == 1
    assert captured(server, client, deployment) == []


def test_a_deletion_needs_ids_or_a_filter(client, model):
    deployment = deploy(client, model)

    for options in ({}, {"request_ids": ["a"], "filter": "*"}):
        with pytest.raises(InvalidArgumentError, match="but not both"):
            client.delete_captured_requests(deployment, **options)


def test_captured_requests_belong_to_their_tenant(server, client, model):
    deployment = deploy(client, model)
    client.classify(deployment.serving_name, TEXT)
    server.settle_captures()

    with Client(server.endpoint, server.new_key("stranger")) as stranger:
        for call in (stranger.list_captured_requests, lambda name: stranger.delete_captured_requests(name, filter="*")):
            with pytest.raises(NotFoundError):
                call(deployment.name)
    assert len(captured(server, client, deployment)) == 1


def test_requests_are_stored_within_seconds_and_counted(server, client, model):
    deployment = deploy(client, model)

    client.classify(deployment.serving_name, TEXT)

    wait_until(lambda: client.list_captured_requests(deployment))
    labels = {"tenant": "dev", "deployment": deployment.serving_name, "outcome": "stored"}
    wait_until(lambda: scrape(server.metrics.port).value("foreword_captured_requests_total", **labels) == 1)


def test_a_text_that_is_too_long_is_left_out(server, client, model, monkeypatch):
    deployment = deploy(client, model)
    monkeypatch.setattr(recorder, "MAX_CAPTURED_CHARACTERS", 100)

    client.classify(deployment.serving_name, "word " * 30)
    client.classify(deployment.serving_name, TEXT)

    assert [item.input for item in captured(server, client, deployment)] == [TEXT]


def test_no_request_waits_or_fails_while_the_database_is_away(start_server):
    server = start_server()
    with Client(server.endpoint, "dev") as client:
        model = tuned_model(server, server.stubs())
        deployment = deploy(client, model)
        client.classify(deployment.serving_name, "Before")
        file = server.settings.resolved_database_url
        away = file.rename(file.with_name("away.db"))
        answer = client.classify(deployment.serving_name, "Meanwhile", timeout_seconds=10.0)
        server.settle_captures()
        away.rename(file)

        assert answer.label_sets
        found = wait_until(lambda: len(client.list_captured_requests(deployment)) == 2)
        assert found


def test_what_waits_is_stored_when_the_server_stops(start_server):
    server = start_server()
    with Client(server.endpoint, "dev") as client:
        model = tuned_model(server, server.stubs())
        deployment = deploy(client, model)
        client.classify(deployment.serving_name, TEXT)
    home = server.settings.home
    server.stop()

    again = start_server(home=home)
    with Client(again.endpoint, "dev") as client:
        assert [item.input for item in client.list_captured_requests(deployment)] == [TEXT]


def test_a_flood_is_dropped_instead_of_kept_and_leaves_room_for_others(server, client, model, monkeypatch):
    """Pending requests are bounded, and a tenant that fills the bound takes no room from another one."""
    monkeypatch.setattr(recorder, "MAX_PENDING_CHARACTERS", 200)
    monkeypatch.setattr(recorder, "BATCH_SECONDS", 60.0)
    flood = deploy(client, model)
    with Client(server.endpoint, server.new_key("modest")) as modest:
        own = deploy(modest, "baseModels/foreword--starter")
        time.sleep(1.1)  # the batch that was begun before
        for number in range(20):
            client.classify(flood.serving_name, f"{number} {TEXT}")
        modest.classify(own.serving_name, TEXT, labels=["Good", "Bad"])

        assert 1 <= len(captured(server, client, flood)) < 10
        assert len(captured(server, modest, own)) == 1
    labels = {"tenant": "dev", "deployment": flood.serving_name, "outcome": "busy"}
    assert scrape(server.metrics.port).value("foreword_captured_requests_total", **labels) > 10


def test_a_plugin_removes_more_and_what_it_fails_on_is_not_stored(server, client, model, monkeypatch):
    def redact(text):
        if "broken" in text:
            raise ValueError("no")
        return text.replace("Anna", "[name]")

    plugins = PluginManager([make_plugin("names", redact_captured=redact)])
    monkeypatch.setattr(server.server._captures, "_redactor", Redactor(plugins))
    deployment = deploy(client, model)

    for text in ("Anna is here", "Anna is broken"):
        client.classify(deployment.serving_name, text)

    assert [item.input for item in captured(server, client, deployment)] == ["[name] is here"]


def test_what_is_deleted_is_in_no_file_of_the_database(server, client, model):
    deployment = deploy(client, model)
    client.classify(deployment.serving_name, "Please call Zacharias Quux")
    assert len(captured(server, client, deployment)) == 1
    files = [server.database.file, server.database.file.with_name(f"{server.database.file.name}-wal")]
    assert any(b"Zacharias Quux" in file.read_bytes() for file in files)

    client.delete_captured_requests(deployment, filter="*")

    assert not any(b"Zacharias Quux" in file.read_bytes() for file in files)


def test_an_id_that_holds_an_address_is_replaced_before_it_is_stored(server, client, model):
    deployment = deploy(client, model)
    request = pb2.ClassifyRequest(model=deployment.serving_name, text=TEXT)

    for id in ("mail:anna@example.com", "order-17"):
        _, call = server.stubs().inference.Classify.with_call(request, metadata=(("x-request-id", id),))

    assert request_id(call) == "order-17"
    newest, replaced = (item.request_id for item in captured(server, client, deployment))
    assert newest == "order-17"
    assert "anna" not in replaced
