"""`foreword deployments captures` against a real service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from factories.captures import see
from foreword.cli.application import run
from foreword.client import CapturePolicy, Client
from foreword.names import DeploymentName
from foreword.storage.captures.ledger import CaptureLedger

Command = Callable[..., tuple[int, str, str]]
BASE = "baseModels/foreword--starter"


@pytest.fixture
def key(server) -> str:
    return server.new_key(f"cli-{time.time_ns()}")


@pytest.fixture
def client(server, key: str):
    with Client(server.endpoint, key) as connected:
        connected.create_deployment(BASE, serving_name="triage")
        yield connected


@pytest.fixture
def command(server, key: str, client, monkeypatch, capsys) -> Command:
    """Runs a command as a new tenant and returns status, standard output and standard error with single spaces."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, captured.out, " ".join(captured.err.split())

    return call


def classify(client: Client, *texts: str) -> None:
    for text in texts:
        client.classify("triage", text, labels=["Warehouse", "Service"])


def test_captures_are_set_listed_and_deleted(client, command: Command):
    status, out, _ = command("deployments", "captures", "set", "triage", "--share", "100%", "--retention-days", "7")
    assert status == 0
    assert out == "triage captures 100 % of its requests; they are kept for 7 days, at most 10,000.\n"
    assert "captures" in command("deployments", "show", "triage")[1]
    classify(client, "Jane has lost a screw.", "John waits.", "Jane again, " + "very " * 30)

    _, listed, _ = command("deployments", "captures", "list", "triage", "--filter", "input : jane", "--json")
    found = json.loads(listed)
    assert [item["input"][:11] for item in found] == ["Jane again,", "Jane has lo"]
    assert found[0]["labels"][0] in ("Warehouse", "Service")
    assert "3 requests" in " ".join(command("deployments", "show", "triage")[1].split())
    command("deployments", "captures", "set", "triage", "--share", "100%", "--max-requests", "3")
    full = " ".join(command("deployments", "show", "triage")[1].split())
    assert "full, so new ones replace the oldest; export them, or raise --max-requests" in full
    table = command("deployments", "captures", "list", "triage")[1]
    assert "John waits." in table
    assert "..." in table
    assert command("deployments", "captures", "delete", "triage", found[0]["request_id"])[1] == (
        "Deleted 1 captured request.\n"
    )
    assert command("deployments", "captures", "delete", "triage", "--all")[1] == "Deleted 2 captured requests.\n"
    assert command("deployments", "captures", "set", "triage", "--share", "0", "--retention-days", "1")[1] == (
        "triage captures no requests; what it has captured is kept for 1 day.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("set", "triage"), "Give --share, --retention-days or --max-requests."),
        (("set", "triage", "--share", "2"), "is not a share"),
        (("set", "triage", "--max-requests", "0"), "--max-requests: must be in [1, 100000], not 0"),
        (("delete", "triage"), "Give either ids of requests, --filter or --all."),
        (("delete", "triage", "--all", "some-id"), "Give either ids of requests, --filter or --all."),
        (("list", "triage", "--filter", "mood = good"), "filter by request_id"),
        (("list", "nowhere"), "nowhere does not exist"),
    ],
)
def test_wrong_usage_names_the_option(command: Command, arguments: tuple[str, ...], problem: str):
    status, _, err = command("deployments", "captures", *arguments)

    assert status in (1, 2)
    assert problem in err


def test_feedback_becomes_a_dataset(command: Command):
    command("deployments", "captures", "set", "triage", "--share", "1")
    ids = []
    for text in ("A screw is missing.", "Nobody answers.", "What now?"):
        out = command("classify", "triage", text, "--labels", "Warehouse, Service", "--json")[1]
        ids.append(json.loads(out)["request_id"])

    right = json.loads(command("deployments", "captures", "list", "triage", "--json")[1])[2]["labels"][0]
    assert command("feedback", "triage", ids[0], "--label", right)[1] == "Stored the feedback. The answer was right.\n"
    status, out, _ = command("feedback", "triage", ids[1], "--no-label", "--comment", "Odd", "--json")
    assert (status, json.loads(out)["correct"]) == (0, False)
    command("feedback", "triage", ids[2], "--score", "0.5")

    listed = command("deployments", "captures", "list", "triage", "--filter", "has_feedback = true")[1]
    assert "right" in listed
    assert "no label; Odd" in listed
    assert "score 0.5" in listed
    status, out, _ = command("deployments", "captures", "export", "triage", "--name", "judged")
    assert status == 0
    assert "Stored 1 rows as judged, version 1" in out
    assert "3 captured requests of triage" in out
    assert "left out: 2 without a right answer" in out
    assert "made of" in command("datasets", "show", "judged")[1]
    dataset = json.loads(command("datasets", "show", "judged", "--json")[1])["name"]
    assert dataset in command("deployments", "captures", "delete", "triage", "--all")[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--label", "Service"), "send the input of the request along"),
        ((), "set right_labels, right_output, score or comment"),
        (("--label", "A", "--no-label"), "Give either --label or --no-label."),
        (("--score", "3"), "--score: must be in [0, 1], not 3"),
    ],
)
def test_feedback_that_cannot_be_stored_says_why(command: Command, arguments: tuple[str, ...], problem: str):
    status, _, err = command("feedback", "triage", "unknown-id", *arguments)

    assert status in (1, 2)
    assert problem in err


def test_drift_is_shown_and_is_the_exit_status(server, command: Command, client):
    deployment = client.get_deployment("triage")
    status, _, err = command("deployments", "drift", "triage")
    assert status == 1
    assert "serves a base model" in err

    rows = [
        {"input": f"Parcel {number} is late", "output": ("Service", "Warehouse")[number % 2]} for number in range(60)
    ]
    dataset = client.upload_dataset(rows, display_name="training")
    model = server.tune_by_hand(client.create_tune_experiment(dataset, display_name="triage").name)
    client.update_deployment(deployment, model=model, capture=CapturePolicy(share=1.0))
    ledger = CaptureLedger(server.database, max_tenant_bytes=10**9)
    name = DeploymentName.parse(deployment.name)
    requests = [
        see(f"{number}", model=model, input="My invoice is wrong", output="Service", labels=("Service",))
        for number in range(120)
    ]
    ledger.add(name, deployment.create_time, requests[:1])
    status, out, _ = command("deployments", "drift", "triage")
    assert status == 0
    assert "1 request, compared" in out
    assert "not enough" in out

    ledger.add(name, deployment.create_time, requests[1:])
    status, out, _ = command("deployments", "drift", "triage")
    assert status == 1
    assert "120 requests, compared with the training data" in out
    assert "drifted" in out
    assert "invoice 0 % to 100 %" in out
    status, out, _ = command("deployments", "drift", "triage", "--json")
    report = json.loads(out)
    assert (report["verdict"], report["request_count"], len(report["measures"])) == ("drifted", 120, 5)
    assert command("deployments", "drift", "triage", "--since", "2100-01-01")[0] == 0
