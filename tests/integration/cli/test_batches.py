"""`foreword batch` and `foreword batches` against a real service without workers."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from factories.stored import let_workers_die
from factories.waiting import wait_until
from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.failure import Failure
from foreword.domain.tenant import Scope

Command = Callable[..., tuple[int, str, str]]
BASE = "baseModels/foreword--starter"
LABELS = ("--labels", "Warehouse, Service")


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
    texts = ["Two screws are missing.", "word " * 900, "Nobody answers."]
    lines = (json.dumps({"input": text, "ticket": place, "row": "mine"}) + "\n" for place, text in enumerate(texts))
    path.write_text("\n".join(lines))
    return str(path)


def answer_when_queued(server, key: str) -> threading.Thread:
    """Act as the worker as soon as a batch job is queued."""

    def answer() -> None:
        with Client(server.endpoint, key) as client:
            queued = wait_until(lambda: client.list_batch_jobs(filter="state = QUEUED"))
            server.evaluate(queued[0].name)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_a_file_in_gives_a_file_of_answers(server, key: str, command: Command, rows: str, tmp_path: Path) -> None:
    output = tmp_path / "answers.jsonl"
    worker = answer_when_queued(server, key)

    status, out, err = command("batch", rows, "--model", BASE, *LABELS, "--output", str(output))
    worker.join()

    assert status == 0, err
    assert "Wrote 3 answers" in out
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [record["row"] for record in found] == [1, 3, 5]
    assert [(record["ticket"], record["input_row"]) for record in found] == [(0, "mine"), (1, "mine"), (2, "mine")]
    assert found[0]["answer"] in ("Warehouse", "Service")
    assert found[0]["probability"] == pytest.approx(found[0]["label_probabilities"][found[0]["answer"]], abs=1e-6)
    assert (found[1]["error"]["reason"], "answer" in found[1]) == ("TEXT_TOO_LONG", False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "march.jsonl"]
    table = tmp_path / "answers.csv"
    assert command("batches", "download", "march", "--output", str(table))[0] == 0
    with table.open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert list(cells[0])[:5] == ["row", "ticket", "input_row", "input", "answer"]
    assert [(row["row"], row["ticket"], row["answer"]) for row in cells] == [
        (str(record["row"]), str(record["ticket"]), record.get("answer", "")) for record in found
    ]
    assert json.loads(command("batches", "download", "march", "--failed")[1])["row"] == 3


def test_an_interrupted_command_goes_on_with_the_same_job(
    server, key: str, command: Command, rows: str, tmp_path: Path, monkeypatch
) -> None:
    output = tmp_path / "answers.jsonl"
    asked = ("batch", rows, "--model", BASE, *LABELS, "--output", str(output))
    with monkeypatch.context() as patched:
        patched.setattr("foreword.cli.batch.follow", interrupt)
        assert command(*asked)[0] != 0
    name = json.loads(command("batches", "list", "--json")[1])[0]["name"]
    job = name.rsplit("/", 1)[-1]
    # The job is answered, and the download was interrupted in the middle of the second line.
    server.evaluate(name)
    command("whoami")  # reads what the worker has logged
    whole = command("batches", "download", job)[1]
    (tmp_path / f"answers.jsonl.{job}.part").write_text(whole.splitlines(keepends=True)[0] + '{"row": 2, "inp')

    other = command(*asked, "--threshold", "0.5")
    status, out, _ = command(*asked)

    assert (other[0], "was begun with other rows or options" in other[2]) == (1, True)
    assert (status, "was begun earlier" in out) == (0, True)
    assert output.read_text() == whole
    assert len(json.loads(command("batches", "list", "--json")[1])) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "march.jsonl"]


def test_a_command_that_is_killed_before_it_knows_its_job_begins_no_second_one(
    server, key: str, command: Command, rows: str, tmp_path: Path, monkeypatch
) -> None:
    output = tmp_path / "answers.jsonl"
    asked = ("batch", rows, "--model", BASE, *LABELS, "--output", str(output))
    with monkeypatch.context() as patched:
        patched.setattr("foreword.cli.batch_file.BatchFile.keep", interrupt)
        assert command(*asked)[0] != 0
    (left,) = json.loads(command("batches", "list", "--json")[1])
    other = command(*asked, "--threshold", "0.5")
    worker = answer_when_queued(server, key)

    status, _, err = command(*asked)
    worker.join()

    assert (other[0], "was written for a job with other rows or options" in other[2]) == (1, True)
    assert status == 0, err
    assert [job["name"] for job in json.loads(command("batches", "list", "--json")[1])] == [left["name"]]
    assert len(output.read_text().splitlines()) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "march.jsonl"]


def test_one_row_is_one_row(server, key: str, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("id,input\n=1+1,Two screws are missing.\n")
    worker = answer_when_queued(server, key)

    status, out, err = command("batch", str(file), "--model", BASE, *LABELS, "--output", str(tmp_path / "out.csv"))
    worker.join()

    shown = " ".join(out.split())
    assert status == 0, err
    assert "one (1): 1 row for foreword--starter" in shown
    assert "Wrote 1 answer to " in shown
    assert "answered 1 of 1 row model" in shown
    assert "1 rows" not in out + err
    with (tmp_path / "out.csv").open(newline="") as answers:
        (row,) = csv.DictReader(answers)
    assert row["id"] == "'=1+1"
    assert (
        command("batches", "download", "one", "--no-escape-formulas", "--output", str(tmp_path / "exact.csv"))[0] == 0
    )
    assert "\n1,=1+1,Two screws" in (tmp_path / "exact.csv").read_text().replace("\r", "")


def test_a_refused_command_leaves_no_file(command: Command, tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.jsonl"
    faulty.write_text("no row\n")

    assert command("batch", str(faulty), "--model", BASE, *LABELS, "--output", str(tmp_path / "out.jsonl"))[0] == 1

    assert [path.name for path in tmp_path.iterdir()] == ["faulty.jsonl"]


def test_a_second_job_on_the_same_rows_names_the_first_one(command: Command, rows: str) -> None:
    asked = ("batch", rows, "--model", BASE, *LABELS, "--no-wait", "--json")
    first, second = command(*asked), command(*asked)
    otherwise = command("batch", rows, "--model", BASE, "--max-new-tokens", "3", "--no-wait")
    made = [json.loads(item[1])["name"].rsplit("/", 1)[-1] for item in (first, second)]

    assert "already" not in first[2] + otherwise[2]
    assert "march (1) answers the same rows with the same model already" in second[2]
    assert f"To keep only that one: foreword batches cancel {made[1]}" in second[2]
    for job in json.loads(command("batches", "list", "--json")[1]):
        assert command("batches", "cancel", job["name"])[0] == 0


def test_an_output_that_is_not_waited_for_names_the_command_that_writes_it(
    command: Command, rows: str, tmp_path: Path
) -> None:
    output = tmp_path / "all answers.jsonl"

    status, out, _ = command("batch", rows, "--model", BASE, *LABELS, "--no-wait", "--output", str(output))

    (job,) = json.loads(command("batches", "list", "--json")[1])
    id = job["name"].rsplit("/", 1)[1]
    assert status == 0
    assert f"foreword batches download {id} --output '{output}'" in out
    assert not output.exists()
    assert command("batches", "cancel", id)[0] == 0


def test_a_job_whose_worker_has_died_says_since_when_it_waits(server, command: Command, rows: str) -> None:
    made = json.loads(command("batch", rows, "--model", BASE, *LABELS, "--no-wait", "--json")[1])
    lease = server.queue.lease("by hand", timedelta(minutes=1))

    died = let_workers_die(server.database).astimezone()

    shown = " ".join(command("batches", "show", "march")[1].split())
    assert f"state running, waiting for a worker since {died:%H:%M:%S}" in shown
    assert "running, waiting" in command("batches", "list")[1]
    server.queue.fail(lease, Failure(kind="internal", reason="X", message="Y."), compute_seconds=1)
    assert command("batches", "delete", made["name"])[0] == 0


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def named_column(command: Command, rows: str) -> str:
    """Return the plan of the same rows, whose inputs are in a column called `body`."""
    other = Path(rows).with_name("other.jsonl")
    lines = [json.loads(line) for line in Path(rows).read_text(encoding="utf-8").splitlines() if line.strip()]
    other.write_text("".join(json.dumps({"body": item["input"], "text": "x"}) + "\n" for item in lines))
    return command("batch", str(other), "--model", BASE, *LABELS, "--input-column", "body", "--dry-run")[1]


def test_a_job_is_planned_queued_listed_shown_cancelled_and_deleted(command: Command, rows: str) -> None:
    assert "rows 3" in " ".join(command("batch", rows, "--model", BASE, *LABELS, "--dry-run")[1].split())
    assert "rows 3" in " ".join(named_column(command, rows).split())
    assert command("datasets", "list", "--json")[1] == "[]\n"
    made = json.loads(command("batch", rows, "--model", BASE, *LABELS, "--no-wait", "--json")[1])

    assert made["display_name"] == "march (1)"
    assert "0 of 3" in command("batches", "list", "--filter", "state = QUEUED")[1]
    assert json.loads(command("batches", "show", "march", "--json")[1])["name"] == made["name"]
    assert command("batches", "cancel", "march (1)")[1] == "march (1) is cancelled.\n"
    status, out, _ = command("batches", "watch", "march")
    assert (status, "cancelled" in out) == (1, True)
    assert command("batches", "delete", "march")[0] == 0
    assert command("batches", "list", "--json")[1] == "[]\n"


@pytest.mark.parametrize("command_line", [("batch", "--no-wait", "--model"), ("evaluate", "--no-wait", "--system")])
def test_what_is_wrong_with_the_model_shows_before_the_upload(
    command: Command, tmp_path: Path, command_line: tuple[str, ...]
) -> None:
    faulty = tmp_path / "faulty.jsonl"
    faulty.write_text("no row\n")

    status, _, err = command(command_line[0], str(faulty), *command_line[1:], "nobody")

    assert (status, "nobody does not exist" in err, "faulty rows" in err) == (1, True, False), err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 2, "Name the file of answers with --output"),
        (("--output", "no/such/folder/answers.jsonl"), 2, "cannot be written: No such file or directory"),
        (("--no-wait", "--threshold", "2", *LABELS), 1, "--threshold: must be in [0, 1]"),
        (("--no-wait", "--threshold", "0.5"), 1, "Send the labels to choose from in --labels"),
        (("--no-wait", "--max-new-tokens", "0"), 1, "--max-new-tokens: "),
        (("--no-wait", "--multi-label"), 2, "--multi-label needs --labels"),
        (("--no-wait", "--max-new-tokens", "3", *LABELS), 2, "--max-new-tokens is about generated text"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_the_name_of_the_option_and_leaves_nothing(
    command: Command, rows: str, arguments: tuple[str, ...], status: int, message: str
) -> None:
    found = command("batch", rows, "--model", BASE, *arguments)

    assert (found[0], message in found[2]) == (status, True), found[2]
    assert command("datasets", "list", "--json")[1] == "[]\n"
