"""Deployments into spaces with a policy, through the client and the command line, against a real service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from factories.api import make_file
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.client import Client, Dataset, DeployPolicy, Scope, Severity, Stage, VerdictOutcome
from foreword.errors import FailedPreconditionError, InvalidArgumentError, PermissionDeniedError
from foreword.storage.repositories.spaces import SpaceRepository

Answer = TypeVar("Answer")
NEVER = 1.0


@pytest.fixture(scope="module")
def key(server: RunningServer) -> str:
    return server.new_key("gated", tuple(Scope))


@pytest.fixture(scope="module")
def client(server: RunningServer, key: str) -> Iterator[Client]:
    with Client(server.endpoint, key) as connected:
        yield connected


@pytest.fixture(scope="module")
def dataset(client: Client) -> Dataset:
    return client.upload_dataset(make_file(12), display_name="held out")


@pytest.fixture(scope="module")
def model(server: RunningServer, client: Client) -> str:
    return server.tune_by_hand(client.tune(make_file(), display_name="complaints").name)


@pytest.fixture
def command(server, key: str, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs a command and returns status, standard output and standard error with single spaces."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, captured.out, " ".join(captured.err.split())

    return call


def while_a_worker_evaluates(server: RunningServer, client: Client, call: Callable[[], Answer]) -> Answer:
    """Return what a call returns that waits for an evaluation, after this thread has acted as the worker."""
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(call)
        end = time.monotonic() + 60
        while not (queued := client.list_evaluations(filter="state = QUEUED")):
            assert time.monotonic() < end, "no evaluation was queued"
            assert not future.done(), future.result()
            time.sleep(0.05)
        server.evaluate(queued[0].name)
        return future.result()


def test_a_space_is_created_and_updated_with_a_policy(client: Client, dataset: Dataset) -> None:
    with pytest.raises(InvalidArgumentError, match=r"space\.policy"):
        client.create_space("live", stage=Stage.PRODUCTION)
    made = client.create_space(
        "live", stage=Stage.PRODUCTION, policy=DeployPolicy(metric="micro_f1", dataset="held out")
    )

    changed = client.update_space(
        made, policy=DeployPolicy(metric="macro_f1", dataset=dataset, margin=-0.1), etag=made.etag
    )

    expected = DeployPolicy(metric="macro_f1", dataset=dataset.name, margin=-0.1, min_row_count=12)
    assert changed.policy == expected
    assert client.update_space("live", description="Customers").policy == expected
    removed = client.update_space("live", stage=Stage.DEVELOPMENT, remove_policy=True)
    assert (removed.policy, removed.warnings) == (None, ())


def test_a_deployment_runs_the_missing_evaluation_if_asked(
    server: RunningServer, client: Client, dataset: Dataset, model: str
) -> None:
    policy = DeployPolicy(metric="micro_f1", dataset=dataset, margin=NEVER)
    client.create_space("strict", policy=policy)
    named: dict[str, Any] = {"serving_name": "strict", "space": "strict"}

    with pytest.raises(FailedPreconditionError) as missing:
        client.create_deployment(model, **named)
    with pytest.raises(FailedPreconditionError) as refusal:
        while_a_worker_evaluates(
            server,
            client,
            lambda: client.create_deployment(model, serving_name="strict", space="strict", evaluate=True),
        )

    assert (missing.value.reason, refusal.value.reason) == ("POLICY_NOT_EVALUATED", "POLICY_NOT_MET")
    assert float(refusal.value.metadata["lower"]) < NEVER
    with pytest.raises(FailedPreconditionError) as another:
        client.create_policy_evaluation(refusal.value)
    assert another.value is refusal.value
    client.update_space("strict", policy=DeployPolicy(metric="micro_f1", dataset=dataset, margin=-NEVER))
    made = client.create_deployment(model, **named)
    verdict = made.revisions[0].verdict
    assert verdict is not None
    assert verdict.outcome is VerdictOutcome.PASSED
    assert verdict.value is not None
    assert verdict.policy.margin == -NEVER


def test_commands_evaluate_show_and_force(server: RunningServer, client: Client, command, tmp_path: Path) -> None:
    model = server.tune_by_hand(client.tune(make_file(), display_name="spring").name)
    create = ("spaces", "create", "shop", "--stage", "production")
    incomplete = command(*create, "--policy-metric", "micro_f1")
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(make_file(12))
    made = command(*create, "--policy-metric", "macro_f1", "--policy-dataset", str(rows), "--policy-margin", "1")
    (stored,) = client.list_datasets(filter='display_name = "rows"')
    absent = command("spaces", "update", "shop", "--policy-dataset", "absent")
    deploy = ("deploy", "spring", "--name", "spring", "--space", "shop")

    refusal = command(*deploy)
    status, _, err = while_a_worker_evaluates(server, client, lambda: command(*deploy, "--evaluate"))
    forced = command(*deploy, "--force-reason", "for a demo")

    assert incomplete[0] == 2
    assert "--policy-dataset" in absent[2]
    assert made[0] == 0
    assert refusal[0] == 1
    assert f"foreword evaluate {stored.name.rsplit('/', 1)[-1]} --system {model.rsplit('/', 1)[-1]}" in refusal[2]
    assert status == 1
    assert "macro f1 is" in err, "the policy's metric, not the main one of the task"
    assert "The policy of the space shop refuses" in err
    assert forced[0] == 0
    shown = command("deployments", "show", "spring")[1]
    assert "forced: macro_f1 is" in shown
    assert '"for a demo"' in shown
    assert "macro_f1 at least +1 against what serves" in command("spaces", "show", "shop")[1]
    loosened = command("spaces", "update", "shop", "--policy-margin", "-1", "--json")
    assert json.loads(loosened[1])["policy"]["metric"] == "macro_f1"
    tried = command("deployments", "update", "spring", "--model", "baseModels/foreword--starter", "--dry-run")
    assert "can be deployed as spring. passed: macro_f1 is" in " ".join(tried[1].split())


def test_a_command_warns_of_a_production_space_without_policy(server: RunningServer, client: Client, command) -> None:
    SpaceRepository(server.database, "gated").create("former", stage=Stage.PRODUCTION)

    deploy = ("deploy", "baseModels/foreword--starter", "--name", "former", "--space", "former")
    status, _, err = command(*deploy, "--force-reason", "in vain")

    assert status == 0
    assert "Note: --force-reason was not needed and is not stored: no policy was to be met." in err
    assert "foreword spaces update former --policy-metric METRIC" in err
    assert [item.severity for item in client.get_space("former").warnings] == [Severity.WARNING]


def test_a_key_without_admin_cannot_force(server: RunningServer, model: str) -> None:
    with (
        Client(server.endpoint, server.new_key("gated", [Scope.WRITE, Scope.READ])) as writer,
        pytest.raises(PermissionDeniedError, match="force_reason"),
    ):
        writer.create_deployment(model, serving_name="wished", force_reason="please")
