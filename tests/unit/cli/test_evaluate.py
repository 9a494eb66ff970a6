"""`foreword evaluate` and `foreword evaluations` against a service that evaluates by a script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from factories.scripted_evaluations import STATE, ScriptedService, served
from foreword.cli.application import run
from foreword.v1 import report_pb2

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService(STATE.STATE_QUEUED, STATE.STATE_RUNNING, STATE.STATE_SUCCEEDED)


@pytest.fixture
def address(service: ScriptedService) -> Iterator[str]:
    with served(service) as found:
        yield found


@pytest.fixture
def command(address: str, monkeypatch, capsys) -> Command:
    """Runs a command and returns status, standard output and standard error with single spaces."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", address)
    monkeypatch.setenv("FOREWORD_API_KEY", "key")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, captured.out, " ".join(captured.err.split())

    return call


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "march.jsonl"
    path.write_text('{"input": "a", "output": "b"}\n')
    return str(path)


def asked(service: ScriptedService) -> list[tuple[str, str, int, bool, str]]:
    """Return id, model, shots, constrained and instruction of the systems of the created evaluation."""
    (request,) = service.created
    return [
        (item.id, item.model, item.shots, item.constrained, item.instruction) for item in request.evaluation.systems
    ]


def test_a_file_is_uploaded_evaluated_and_its_results_printed_with_the_next_command(
    command: Command, service: ScriptedService, rows: str, tmp_path: Path
) -> None:
    picture = tmp_path / "results.png"

    status, out, err = command("evaluate", rows, "--system", "complaints", "--plot", str(picture))

    assert status == 0
    assert asked(service) == [("complaints", "complaints", 0, False, "")]
    assert "march: 1 system on d1" in out
    assert "base model, zero-shot worse by 0.48, between 0.43 and 0.54" in " ".join(out.split())
    assert "Next: foreword evaluations rows e1 --different" in out
    assert picture.stat().st_size > 10_000
    assert "queued" in err
    assert service.deleted == []


def test_base_adds_the_base_model_without_and_with_examples_free_and_restricted(
    command: Command, service: ScriptedService, rows: str
) -> None:
    status, _, _ = command("evaluate", rows, "--system", "first (1)", "--base", "--instruction", "Name it.")

    assert status == 0
    base = "baseModels/starter"
    assert asked(service) == [
        ("first-1", "tenants/a/tunedModels/m1", 0, False, ""),
        ("", base, 0, False, "Name it."),
        ("", base, 3, False, "Name it."),
        ("", base, 0, True, "Name it."),
        ("", base, 3, True, "Name it."),
    ]


def test_an_open_task_has_no_labels_to_restrict_answers_to(
    command: Command, service: ScriptedService, rows: str
) -> None:
    command("evaluate", rows, "--system", "complaints", "--base", "--shots", "5", "--task", "generation")

    assert [item[2:4] for item in asked(service)] == [(0, False), (0, False), (5, False)]


def test_options_for_base_models_hold_for_those_that_are_named(
    command: Command, service: ScriptedService, rows: str
) -> None:
    arguments = ("--system", "complaints", "--system", "baseModels/starter", "--system", "baseModels/large")

    command("evaluate", rows, *arguments, "--shots", "2", "--constrained", "--examples", "d1")

    assert asked(service) == [
        ("complaints", "complaints", 0, False, ""),
        ("starter_2_shot_constrained", "baseModels/starter", 2, True, ""),
        ("large_2_shot_constrained", "baseModels/large", 2, True, ""),
    ]
    assert service.created[0].evaluation.examples_dataset == "tenants/a/datasets/d1"


def test_a_base_model_that_is_named_is_not_added_once_more(
    command: Command, service: ScriptedService, rows: str
) -> None:
    command("evaluate", rows, "--system", "baseModels/starter", "--base")

    assert [item[2:4] for item in asked(service)] == [(0, False), (3, False), (0, True), (3, True)]


def test_systems_with_the_same_name_get_different_ids(command: Command, service: ScriptedService, rows: str) -> None:
    command("evaluate", rows, "--system", "first (1)", "--system", "first", "--system", "first (1)")

    assert [item[0] for item in asked(service)] == ["first-1", "first", "first-1_2"]


def test_options_for_base_models_without_any_are_refused_and_nothing_stays(
    command: Command, service: ScriptedService, rows: str
) -> None:
    status, _, err = command("evaluate", rows, "--system", "complaints", "--constrained")

    assert status == 2
    assert "--shots, --instruction and --constrained are for base models. Add --base" in err
    assert (service.created, service.deleted) == ([], ["tenants/a/datasets/d1"])


def test_an_unknown_model_is_refused_and_nothing_stays(command: Command, service: ScriptedService, rows: str) -> None:
    status, _, err = command("evaluate", rows, "--system", "nothing")

    assert status == 1
    assert "No model is called 'nothing' either. List them with `foreword models list`." in err
    assert service.uploaded == []


def test_a_stored_dataset_is_evaluated_and_an_unknown_one_refused(command: Command, service: ScriptedService) -> None:
    assert command("evaluate", "d1", "--system", "complaints", "--no-wait")[0] == 0
    assert service.created[0].evaluation.dataset == "tenants/a/datasets/d1"
    assert service.created[0].evaluation.display_name == "stored"


def test_warnings_of_the_service_are_printed_with_the_remedy(command: Command, service: ScriptedService) -> None:
    arguments = ("evaluate", "d1", "--system", "complaints", "--no-wait")

    assert "warning" not in command(*arguments)[2]
    service.warnings = [
        report_pb2.Finding(severity="SEVERITY_WARNING", message="It was tuned on all rows.", remedy="Use other rows.")
    ]
    err = command(*arguments)[2]
    assert "warning It was tuned on all rows." in err
    assert "Use other rows." in err


def test_without_waiting_the_next_command_is_named(command: Command, service: ScriptedService, rows: str) -> None:
    status, out, _ = command("evaluate", rows, "--system", "complaints", "--no-wait")

    assert status == 0
    assert out.endswith("Queued. Watch it with: foreword evaluations watch e1\n")
    assert service.watches == 0


def test_json_is_all_of_standard_output(command: Command, rows: str) -> None:
    status, out, err = command("evaluate", rows, "--system", "complaints", "--json")

    found = json.loads(out)
    assert (status, found["state"], found["differing_row_count"]) == (0, "succeeded", 34)
    assert found["results"][0]["intervals"]["exact_set_match"]["lower"] == pytest.approx(0.66)
    assert "Compared with tuned" in err


def test_a_failed_evaluation_has_its_reason_and_an_exit_status(command: Command, service: ScriptedService) -> None:
    service.states = [STATE.STATE_FAILED]

    status, out, _ = command("evaluations", "watch", "tenants/a/evaluations/e1")

    assert status == 1
    assert "Rows are missing. (ROWS_MISSING)" in out


def test_rows_are_listed_for_people_and_as_json_lines(command: Command, service: ScriptedService) -> None:
    name = "tenants/a/evaluations/e1"
    _, out, err = command("evaluations", "rows", name, "--wrong", "--limit", "3")
    lines = command("evaluations", "rows", name, "--different", "--json")[1].splitlines()

    assert [line for line in out.splitlines() if line.startswith("row")] == ["row 1  ", "row 2  ", "row 5  "]
    assert "There are more rows; list more with --limit, or all of them with --json." in err
    assert [json.loads(line)["row"] for line in lines] == [1, 2, 5, 6]
    assert [page.selection for page in service.pages] == [3, 3, 3, 2, 2, 2]


def test_after_ctrl_c_an_evaluation_continues_and_the_way_back_is_named(address: str, service: ScriptedService) -> None:
    service.states = [STATE.STATE_RUNNING]
    process = subprocess.Popen(
        [sys.executable, "-m", "foreword", "evaluations", "watch", "tenants/a/evaluations/e1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "FOREWORD_ENDPOINT": address, "FOREWORD_API_KEY": "key"},
    )
    assert process.stderr is not None
    with process:
        assert "%" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()

    assert process.returncode == 130
    assert "The evaluation continues. Watch it with: foreword evaluations watch e1" in err
    assert "Stop it with: foreword evaluations cancel e1" in err
