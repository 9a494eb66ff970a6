"""`foreword sweep` and `foreword sweeps` against a real server without workers."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from factories.api import make_file
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.cli.render.console import out_console
from foreword.cli.render.sweep import SweepProgressView, print_sweep, sweep_json
from foreword.client import Client, JobState, SweepState, TuneSweep, TuneTrial
from foreword.domain.failure import Failure
from foreword.domain.tenant import Scope

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(server, monkeypatch, capsys) -> Command:
    """Runs a command as a new tenant and returns status, standard output and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(f"cli-{time.time_ns()}", tuple(Scope)))
    monkeypatch.setenv("COLUMNS", "120")

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


def stop(trial: TuneTrial) -> TuneTrial:
    """Return a trial as its sweep has stopped it."""
    return dataclasses.replace(
        trial,
        state=JobState.CANCELLED,
        failure=Failure(kind="cancelled", reason="TRIAL_STOPPED", message="Two were better."),
        validation_metric=0.25,
        validation_loss=1.5,
    )


def test_a_dry_run_shows_the_trials_and_the_plan_and_leaves_nothing(command: Command, rows: str) -> None:
    status, out, _ = command(
        "sweep", rows, "--try", "learning-rate=0.01,0.03", "--num-seeds", "2", "--num-epochs", "8", "--dry-run"
    )

    assert status == 0
    assert "the best 2 go on after epoch 2, the best goes on after epoch 4" in out
    assert [line.split() for line in out.splitlines() if line.strip().startswith(("1 ", "4 "))] == [
        ["1", "0.01", "0"],
        ["4", "0.03", "1"],
    ]
    assert command("sweeps", "list", "--json")[1] == command("datasets", "list", "--json")[1] == "[]\n"


def test_a_sweep_is_queued_shown_listed_cancelled_and_deleted(command: Command, rows: str) -> None:
    status, out, _ = command("sweep", rows, "--name", "rates", "--try", "num_virtual_tokens=4,8", "--detach")
    assert status == 0
    assert "rates (1): foreword--starter on complaints.jsonl" in out
    assert "Queued. Watch it with: foreword sweeps watch " in out

    shown = json.loads(command("sweeps", "show", "rates (1)", "--json")[1])
    assert [trial["values"] for trial in shown["trials"]] == [{"num_virtual_tokens": 4}, {"num_virtual_tokens": 8}]
    assert "rates (1)" in command("sweeps", "list", "--filter", "state = QUEUED", "--order-by", "update_time desc")[1]
    assert "rates (1)" not in command("sweeps", "list", "--filter", "state = RUNNING")[1]
    assert "rates (1) trial 2" in command("experiments", "list")[1]
    assert command("sweeps", "cancel", "rates (1)")[1] == "rates (1) is cancelled.\n"
    assert "Did you mean 'rates'?" in command("sweeps", "show", "rats")[2]
    assert "Did you mean 'state'?" in command("sweeps", "list", "--filter", "stat = RUNNING")[2]
    assert "Did you mean 'update_time'?" in command("sweeps", "list", "--order-by", "updatetime")[2]
    assert "dataset rates" in " ".join(command("sweeps", "show", "rates (1)")[1].split())
    status, out, _ = command("sweeps", "watch", "rates (1)")
    assert (status, out.count("cancelled")) == (1, 3)
    assert command("sweeps", "delete", "rates (1)")[0] == 0
    assert json.loads(command("experiments", "list", "--json")[1]) == []


@pytest.mark.parametrize(
    ("tried", "message"),
    [
        ("learning_rate", "write NAME=VALUE,VALUE or NAME=MINIMUM..MAXIMUM"),
        ("learning_rate=", "write NAME=VALUE,VALUE or NAME=MINIMUM..MAXIMUM"),
        ("learning_rate=a..b", "--try learning_rate: must be a float in [1e-08, 10], not 'a..b'"),
        ("learning_rate=0.1..0.2:exp", "'exp' is no scale; write :log for a logarithmic one, or nothing"),
        ("learning_rate=-.,1", "--try learning_rate: must be a float in [1e-08, 10], not '-.'"),
        ("learning_rate=0.1", "--try: make a single trial; try more values, raise --num-seeds, or tune once"),
        ("rate=1,2", "--try rate: 'rate' is unknown; use one of: batch_size"),
        ("learning_rat=1,2", "method_parameters.NAME. Did you mean 'learning_rate'?"),
        ("method_parameters.averagin=0,0.9", "--try method_parameters.averagin: is unknown; the tuning method"),
        ("method_parameters.averagin=0,0.9", "Did you mean 'averaging'?"),
        ("learning_rate=0.1,fast", "--try learning_rate: must be a float"),
        ("learning_rate=0.1..0.2", "--try learning_rate: needs a random search (--random); list values for a grid"),
    ],
)
def test_values_that_cannot_be_tried_are_refused_with_the_remedy(
    command: Command, rows: str, tried: str, message: str
) -> None:
    status, _, err = command("sweep", rows, "--try", tried)

    assert status != 0
    assert message in " ".join(err.split())


def test_a_name_that_is_tried_twice_is_refused(command: Command, rows: str) -> None:
    status, _, err = command("sweep", rows, "--try", "batch_size=2,4", "--try", "batch_size=8")

    assert status == 2
    assert "batch_size is set twice; write all of its values in one list" in " ".join(err.split())


@pytest.mark.parametrize(
    ("path", "message"), [("x.xyz", "must end in one of .png"), ("nowhere/x.png", "create it first")]
)
def test_a_picture_that_cannot_be_written_is_refused_before_the_sweep(
    command: Command, rows: str, tmp_path: Path, path: str, message: str
) -> None:
    status, _, err = command("sweep", rows, "--num-seeds", "2", "--plot", str(tmp_path / path))

    assert status == 2
    assert message in " ".join(err.split())
    assert command("sweeps", "list", "--json")[1] == "[]\n"


def test_random_trials_are_drawn_from_ranges(command: Command, rows: str) -> None:
    arguments = ("--try", "learning_rate=0.001..0.1:log", "--try", "tuning_type=ia3,prompt_tuning", "--random", "5")
    planned = json.loads(command("sweep", rows, *arguments, "--dry-run", "--json")[1])

    rates = [trial["values"]["learning_rate"] for trial in planned["trials"]]
    assert len(set(rates)) == 5
    assert all(0.001 <= rate <= 0.1 for rate in rates)
    assert json.loads(command("sweep", rows, *arguments, "--dry-run", "--json")[1])["trials"] == planned["trials"]


@pytest.fixture
def made(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> TuneSweep:
    """A sweep of three trials, which is cancelled; tests change how its trials end."""
    monkeypatch.setenv("COLUMNS", "160")
    with Client(server.endpoint, server.new_key(f"cli-{time.time_ns()}", tuple(Scope))) as client:
        dataset = client.upload_dataset(make_file(), display_name="complaints")
        made = client.create_tune_sweep(dataset, display_name="rates", swept={"learning_rate": [0.01, 0.02, 0.04]})
        client.cancel_tune_sweep(made)
    return made


def test_a_sweep_of_one_epoch_says_that_no_trial_is_stopped_early(command: Command, rows: str) -> None:
    arguments = ("sweep", rows, "--try", "learning-rate=0.01,0.03", "--num-epochs")

    one, two = command(*arguments, "1", "--dry-run")[1], command(*arguments, "2", "--dry-run")[1]
    whole = command(*arguments, "2", "--no-halving", "--dry-run")[1]

    assert "in a single epoch, no trial is stopped early" in one
    assert "the best goes on after epoch 1" in two
    assert "off: no trial is stopped early" in whole


def test_a_sweep_whose_survivors_failed_says_which_and_what_to_do(made: TuneSweep, capsys) -> None:
    failure = Failure(kind="failed_precondition", reason="TUNING_DIVERGED", message="The loss is not finite.")
    failed = {"state": JobState.FAILED, "failure": failure, "validation_metric": 0.75, "validation_loss": 0.5}
    trials = (stop(made.trials[0]), *(dataclasses.replace(trial, **failed) for trial in made.trials[1:]))
    best = made.trials[2].tune_experiment

    print_sweep(
        out_console(), dataclasses.replace(made, state=SweepState.FAILED, trials=trials, best_trial=best), dataset="x"
    )

    out = " ".join(capsys.readouterr().out.split())
    assert (
        "No model: Trials 2 and 3 failed: The loss is not finite. 1 trial had been stopped early, when others were "
        "better on the held-out rows. Leave out the values that failed, or correct the cause, and start the sweep "
        "again. --no-halving tunes all trials to the end."
    ) in out
    assert "best" not in out.split("No model")[0]
    assert "*" not in out


def test_trials_that_were_stopped_early_are_no_cancelled_ones_in_json(made: TuneSweep) -> None:
    shown = sweep_json(dataclasses.replace(made, trials=(stop(made.trials[0]), *made.trials[1:])))

    assert [trial["state"] for trial in shown["trials"]] == ["stopped early", "queued", "queued"]
    assert json.loads(json.dumps(shown))["display_name"] == "rates (1)"


def test_an_ended_sweep_shows_the_best_first_and_why_others_failed(made: TuneSweep, capsys) -> None:
    stopped, failed, best = made.trials
    trials = (
        stop(stopped),
        dataclasses.replace(
            failed,
            state=JobState.FAILED,
            failure=Failure(kind="failed_precondition", reason="TUNING_DIVERGED", message="The loss is not finite."),
        ),
        dataclasses.replace(
            best, state=JobState.SUCCEEDED, validation_metric=0.75, validation_loss=0.5, tuned_model="models/m"
        ),
    )
    ended = dataclasses.replace(
        made, state=SweepState.SUCCEEDED, trials=trials, best_trial=best.tune_experiment, tuned_model="models/m"
    )
    running = dataclasses.replace(ended, state=SweepState.RUNNING)

    print_sweep(out_console(), ended, dataset="complaints.jsonl")
    with SweepProgressView(out_console()) as view:
        view.update(running)
        view.update(running)

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "dataset complaints.jsonl" in lines
    assert "best trial 3: learning_rate 0.04" in lines
    assert "trial learning_rate seed state epoch exact_match loss" in lines
    assert "trial 2 The loss is not finite." in lines
    table = [line for line in lines if line.endswith((" 0.500", " 1.500")) or " failed" in line]
    assert table[0] == "* 3 0.04 0 succeeded 0.750 0.500"
    assert table[1] == "1 0.01 0 stopped early 0.250 1.500"
    assert "Next: foreword deploy m --name rates-1" in lines
    assert lines[-1] == "1 stopped early, 1 failed, 1 succeeded; best: trial 3, exact_match 0.750, loss 0.500"
