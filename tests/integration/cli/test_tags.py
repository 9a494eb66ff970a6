"""`--tag` and the commands that show, change and find tags, against a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factories.api import make_file
from foreword.cli.application import run
from foreword.client import Client, frames
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def key(server) -> str:
    found: str = server.new_key(f"tags-{time.time_ns()}", tuple(Scope))
    return found


@pytest.fixture
def command(server, key: str, monkeypatch, capsys) -> Command:
    """Runs a command as a new tenant and returns status, standard output and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "complaints.jsonl"
    path.write_bytes(make_file())
    return str(path)


def values(result: tuple[int, str, str]) -> Any:
    status, out, err = result
    assert status == 0, err
    return json.loads(out)


def test_tags_lead_from_a_run_to_its_model_and_can_be_changed(server, command: Command, rows: str) -> None:
    made = values(command("tune", rows, "--tag", "team=billing", "--tag", "note=a=b", "--detach", "--json"))
    model = server.tune_by_hand(made["name"]).rsplit("/", 1)[1]

    found = values(command("models", "list", "--filter", 'tags.team = "billing"', "--json"))
    changed = command("models", "update", model, "--tag", "stage=live", "--remove-tag", "note")[1]
    of_run = command("experiments", "update", made["name"], "--description", "The first.", "--remove-tag", "team")[1]
    listed = command("experiments", "list")[1]
    shown = command("models", "show", model)[1]

    assert made["tags"] == {"note": "a=b", "team": "billing"}
    assert [item["name"].rsplit("/", 1)[1] for item in found] == [model]
    assert "stage=live, team=billing" in changed
    assert "The first." in of_run
    assert "note=a=b" in listed
    assert "stage=live, team=billing" in shown
    assert "note=a=b" in command("experiments", "show", made["name"])[1]


def test_a_sweep_shows_the_tags_that_its_trials_get(command: Command, rows: str) -> None:
    made = values(command("sweep", rows, "--try", "learning_rate=0.01,0.02", "--tag", "team=shop", "-d", "--json"))
    trial = values(command("experiments", "show", made["trials"][0]["tune_experiment"], "--json"))
    listed = command("sweeps", "list", "--filter", "tags : team")[1]
    assert command("sweeps", "cancel", made["name"])[0] == 0

    assert made["tags"] == trial["tags"] == {"team": "shop"}
    assert "team=shop" in listed
    assert "team=shop" in command("sweeps", "show", made["name"])[1]


def test_tags_that_cannot_be_set_are_refused_by_their_option(command: Command, rows: str) -> None:
    problems = {
        ("tune", rows, "--tag", "team"): "--tag: 'team' has no value; write KEY=VALUE",
        ("tune", rows, "--tag", "team=a", "--tag", "team=b"): "--tag: 'team' is set twice",
        ("tune", rows, "--tag", "two words=a", "--dry-run"): "--tag: has the key 'two words'",
        ("tune", rows, "--tag", f"team={'x' * 64}", "--dry-run"): "--tag team: must have at most 63 characters",
        ("models", "update", "x", "--tag", "a=b", "--remove-tag", "a"): "--tag and --remove-tag both name 'a'",
        ("models", "update", "x", "--remove-tag", "a b"): "--tag: has the key 'a b'",
    }

    for arguments, problem in problems.items():
        status, _, err = command(*arguments)
        assert status != 0
        assert problem in " ".join(err.replace("'--tag'", "--tag").split())
    assert values(command("datasets", "list", "--json")) == []


def test_the_client_changes_single_tags_and_frames_have_a_column_for_each(server, key: str) -> None:
    with Client(server.endpoint, key) as client:
        made = client.tune(make_file(), display_name="tagged", tags={"team": "billing", "draft": "yes"})
        other = client.tune(client.get_dataset(made.dataset), display_name="untagged")
        changed = client.update_tune_experiment("tagged (1)", description="new", tags={"draft": None, "stage": "live"})
        unchanged = client.update_tune_experiment(made)
        frame = frames.experiments([changed, other])
        for experiment in (made, other):
            client.cancel_tune_experiment(experiment)
        with pytest.raises(InvalidArgumentError, match="has the key 'a b'"):
            client.update_tuned_model("x", tags={"a b": None})

    assert changed.tags == {"stage": "live", "team": "billing"}
    assert (unchanged.description, unchanged.tags) == ("new", changed.tags)
    assert list(frame["tags.team"].dropna()) == ["billing"]
    assert "tags.draft" not in frame
