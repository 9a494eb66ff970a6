"""`foreword evaluate` and `foreword evaluations` against a real service without workers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from factories.api import make_file
from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.tenant import Scope

Command = Callable[..., tuple[int, str, str]]
BASE = "baseModels/foreword--starter"


@pytest.fixture
def key(server) -> str:
    return server.new_key(f"cli-{time.time_ns()}", tuple(Scope))


@pytest.fixture
def command(server, key: str, monkeypatch, capsys) -> Command:
    """Runs a command as a new tenant and returns status, standard output and standard error with single spaces."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, captured.out, " ".join(captured.err.split())

    return call


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "march.jsonl"
    path.write_bytes(make_file())
    return str(path)


def test_a_picture_of_results_that_nobody_waits_for_is_refused(command: Command, rows: str, tmp_path: Path) -> None:
    status, _, err = command("evaluate", rows, "--system", BASE, "--no-wait", "--plot", str(tmp_path / "p.png"))

    assert status == 2
    assert "foreword evaluations show EVALUATION --plot FILE" in err


def test_a_tuned_model_and_its_base_in_all_ways_are_queued(server, key: str, command: Command, rows: str) -> None:
    with Client(server.endpoint, key) as client:
        server.tune_by_hand(client.tune(make_file(), display_name="complaints").name)

    status, out, err = command(
        "evaluate", rows, "--system", "complaints", "--base", "--instruction", "Name it.", "--no-wait"
    )

    assert status == 0
    assert "complaints was tuned on all 30 rows" in err
    assert [line.split("  ")[1] for line in out.splitlines() if line.startswith("  ")] == [
        "complaints",
        "base model, zero-shot",
        "base model, three-shot",
        "base model, zero-shot, labels only",
        "base model, three-shot, labels only",
    ]
    assert "Queued. Watch it with: foreword evaluations watch " in out
    assert command("evaluations", "cancel", "march")[0] == 0


def test_options_that_do_not_suit_a_tuned_model_are_named_as_the_command_names_them(
    server, key: str, command: Command, rows: str
) -> None:
    with Client(server.endpoint, key) as client:
        server.tune_by_hand(client.tune(make_file(), display_name="complaints").name)

    separated = command("evaluate", rows, "--system", "complaints", "--separator", "; ", "--no-wait")
    generated = command("evaluate", rows, "--system", "complaints", "--task", "generation", "--no-wait")

    assert "--separator: must be unset" in separated[2]
    assert "leave --task unset" in generated[2]


def test_an_evaluation_is_listed_shown_cancelled_and_deleted(command: Command, rows: str) -> None:
    made = json.loads(command("evaluate", rows, "--system", BASE, "--no-wait", "--json")[1])

    assert made["display_name"] == "march (1)"
    assert "march (1)" in command("evaluations", "list", "--filter", "state = QUEUED")[1]
    assert "march (1)" not in command("evaluations", "list", "--filter", "state = RUNNING")[1]
    assert json.loads(command("evaluations", "show", "march", "--json")[1])["name"] == made["name"]
    assert f"base model, zero-shot  {BASE}" in command("evaluations", "show", "march")[1]
    assert command("evaluations", "rows", "march")[0] == 1
    assert command("evaluations", "cancel", "march (1)")[1] == "march (1) is cancelled.\n"
    status, out, _ = command("evaluations", "watch", "march")
    assert (status, "cancelled" in out) == (1, True)
    assert command("evaluations", "delete", "march")[0] == 0
    assert command("evaluations", "list", "--json")[1] == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--system", BASE, "--shots", "9"), "--shots: "),
        (("--system", BASE, "--constrained", "--task", "generation"), "--constrained: must be unset"),
        (("--system", BASE, "--shots", "3"), "--examples: must be set for systems with --shots"),
        (("--system", BASE, "--system", "baseModels/none"), "baseModels/none does not exist"),
        (("--system", BASE) * 9, "--system: "),
        (("--system", BASE, "--task", "guessing"), "--task: 'guessing' is not installed"),
        (("--system", BASE, "--examples", "nowhere.jsonl"), "there is no file 'nowhere.jsonl'"),
        (("--system", BASE, "--plot", "x.xyz"), "must end in one of .png"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_the_name_of_the_option_and_leaves_nothing(
    command: Command, rows: str, arguments: tuple[str, ...], message: str
) -> None:
    status, _, err = command("evaluate", rows, *arguments)

    assert status != 0
    assert message in err
    assert command("datasets", "list", "--json")[1] == command("evaluations", "list", "--json")[1] == "[]\n"


def test_rows_that_are_evaluated_again_are_stored_once_and_outlive_a_refused_evaluation(
    command: Command, rows: str
) -> None:
    for _ in range(2):
        assert command("evaluate", rows, "--system", BASE, "--no-wait")[0] == 0
    assert command("evaluate", rows, "--system", BASE, "--shots", "9")[0] != 0

    (stored,) = json.loads(command("datasets", "list", "--json")[1])
    assert (stored["display_name"], stored["version"]) == ("march", 1)
    for name in ("march (1)", "march (2)"):
        command("evaluations", "cancel", name)


def test_a_dataset_that_is_neither_a_file_nor_stored_is_refused(command: Command) -> None:
    status, _, err = command("evaluate", "april.jsonl", "--system", BASE)

    assert status == 2
    assert "there is no file 'april.jsonl', and no stored dataset has that id or display name" in err
