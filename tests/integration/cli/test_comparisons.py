"""`foreword experiments compare` against a real server without workers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from factories.api import make_file
from factories.servers import RunningServer
from factories.stored import beat, make_evaluation, make_snapshot, make_tuned_model
from foreword.cli.application import run
from foreword.domain.tenant import Scope

Command = Callable[..., tuple[int, str, str]]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def command(server: RunningServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command as a new tenant and returns status, standard output and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(f"cli-{time.time_ns()}", tuple(Scope)))

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


def tune(command: Command, rows: str, *options: str) -> None:
    assert command("tune", rows, "--detach", "--num-epochs", "2", *options)[0] == 0


def end_oldest(server: RunningServer, metric: float) -> None:
    """Act as the worker that ends the oldest experiment."""
    lease = server.queue.lease("by hand", MINUTE)
    assert lease is not None
    curve = [replace(make_snapshot(step), validation_loss=1 / step, validation_metric=metric) for step in (10, 20)]
    beat(server.queue, lease, duration=MINUTE, snapshots=curve)
    result = replace(make_evaluation(), metrics={"exact_match": metric}, mean_tokens=20.0)
    server.queue.succeed(
        lease,
        tuned_model=make_tuned_model(lease.experiment, lease.experiment.id),
        evaluations=(result,),
        curve_advice="",
        suspect_rows=None,
        compute_seconds=36.0,
    )


def test_what_differs_the_results_and_the_picture(
    server: RunningServer, command: Command, rows: str, tmp_path: Path
) -> None:
    picture = tmp_path / "comparison.png"
    tune(command, rows)
    tune(command, rows, "--learning-rate", "0.01")
    end_oldest(server, 0.5)
    end_oldest(server, 0.75)

    status, out, err = command("experiments", "compare", "complaints (1)", "complaints (2)", "--plot", str(picture))

    assert status == 0
    names = [line.split("  ")[0] for line in out.splitlines()]
    assert names[2:] == [
        "learning_rate", "exact match", "tokens per request", "held-out rows", "capacity-unit-hours", "",
    ]  # fmt: skip
    assert "0.750 +0.250" in out
    assert "0.01 (set)" in out
    assert f"Wrote the learning curves to {picture}." in err.replace("\n", "")
    assert picture.stat().st_size > 10_000


def test_json_has_the_whole_comparison(command: Command, rows: str) -> None:
    tune(command, rows)
    tune(command, rows, "--seed", "5")

    status, out, _ = command("experiments", "compare", "complaints (1)", "complaints (2)", "--json")

    assert status == 0
    found = json.loads(out)
    seeds = next(field for field in found["differing_fields"] if field["path"] == "parameters.seed")
    assert seeds["values"][1] == {"value": 5, "source": "set"}
    assert [item["held_out_group"] for item in found["tune_experiments"]] == [1, 2]
    assert found["findings"][0]["code"] == "HELD_OUT_ROWS_DIFFER"
    for name in ("complaints (1)", "complaints (2)"):
        assert command("experiments", "cancel", name)[0] == 0


def test_errors_name_the_argument_or_the_run(command: Command, rows: str) -> None:
    tune(command, rows)

    def error(*names: str) -> str:
        status, _, err = command("experiments", "compare", *names)
        assert status != 0
        return err.replace("\n", " ")

    assert "EXPERIMENTS: must name at least 2 experiments, not 1" in error("complaints (1)")
    assert "is the same experiment as" in error("complaints (1)", "complaints (1)")
    assert "complaints (9)" in error("complaints (1)", "complaints (9)")
    assert "Missing argument" in error()
    assert command("experiments", "cancel", "complaints (1)")[0] == 0
