"""`foreword data split`."""

from __future__ import annotations

import csv
import json

import pytest

from foreword.cli.application import run
from foreword.data.reader import RowReader
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.samples import sample_path
from foreword.tuning.split import split_rows
from foreword_tasks.classification import Classification


def rows_of(path):
    reader = RowReader()
    return [item for item in [*reader.feed(path.read_bytes()), *reader.finish()] if isinstance(item, Row)]


def pairs(rows):
    return [(row.input, row.output) for row in rows]


def write(path, *rows):
    path.write_text("".join(json.dumps({"input": input, "output": output}) + "\n" for input, output in rows))
    return path


def split(file, *arguments):
    return run(["data", "split", str(file), *arguments])


def test_the_held_out_rows_are_those_that_tuning_holds_out(tmp_path):
    file = write(tmp_path / "rows.jsonl", *pairs(rows_of(sample_path("complaints"))))

    assert split(file, "--seed", "7", "--held-out", "0.25") == 0

    rows, task = rows_of(file), Classification()
    schema = task.fit(rows, TaskOptions())
    expected = split_rows(rows, targets=[task.target(row.output, schema) for row in rows], share=0.25, seed=7)
    assert pairs(rows_of(tmp_path / "rows.train.jsonl")) == pairs(expected.training)
    assert pairs(rows_of(tmp_path / "rows.held_out.jsonl")) == pairs(expected.held_out)


def test_every_label_set_is_held_out_in_proportion_and_counted(tmp_path, capsys):
    file = write(tmp_path / "rows.jsonl", *((f"complaint {n}", "A, B" if n % 4 else "C") for n in range(40)))

    assert split(file, "--json") == 0

    result = json.loads(capsys.readouterr().out)
    assert result["label_sets"] == [
        {"labels": "A, B", "training": 24, "held_out": 6},
        {"labels": "C", "training": 8, "held_out": 2},
    ]
    assert (result["training_row_count"], result["held_out_row_count"]) == (32, 8)


def test_rare_label_sets_are_named(tmp_path, capsys):
    file = write(tmp_path / "rows.jsonl", *((f"complaint {n}", "common") for n in range(39)), ("odd", "rare"))

    assert split(file, "--held-out", "0.05", "--task", "classification") == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "1 label set with no held-out row, so they are not measured: 'rare' (1)." in shown


def test_equal_inputs_are_on_one_side(tmp_path, capsys):
    twins = [(f"Caf\u00e9 {n // 2}" if n % 2 else f" cafe\u0301  {n // 2}", f"label {n % 3}") for n in range(60)]
    file = write(tmp_path / "rows.jsonl", *twins)

    assert split(file) == 0

    assert "60 rows share their input with another row" in " ".join(capsys.readouterr().out.split())
    sides = [
        {row.input.split()[1] for row in rows_of(tmp_path / f"rows.{side}.jsonl")} for side in ("train", "held_out")
    ]
    assert not sides[0] & sides[1]


def test_the_extension_sets_the_format(tmp_path):
    file = write(tmp_path / "rows.jsonl", *((f'a "quoted", text\n{n}', f"label {n % 2}") for n in range(20)))
    table, array = tmp_path / "train.csv", tmp_path / "held_out.json"

    assert split(file, "--out-train", str(table), "--out-held-out", str(array)) == 0

    with table.open(newline="") as opened:
        assert len(list(csv.DictReader(opened))) == 16
    assert len(json.loads(array.read_text())) == 4
    assert sorted(pairs(rows_of(table)) + pairs(rows_of(array))) == sorted(pairs(rows_of(file)))


def test_other_columns_are_kept(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("ticket,input,output\n" + "".join(f"T-{n},text {n},{'ab'[n % 2]}\n" for n in range(20)))

    assert split(file, "--out-held-out", str(tmp_path / "held_out.jsonl")) == 0

    with (tmp_path / "rows.train.csv").open(newline="") as opened:
        assert {row["ticket"].replace("T-", "text ") == row["input"] for row in csv.DictReader(opened)} == {True}
    kept = [json.loads(line) for line in (tmp_path / "held_out.jsonl").read_text().splitlines()]
    assert [row["ticket"].replace("T-", "text ") for row in kept] == [row["input"] for row in kept]


def test_a_file_with_faults_is_not_divided(tmp_path, capsys):
    file = write(tmp_path / "rows.jsonl", ("a", "x"), ("", "x"), ("b", "y"))

    assert split(file) == 1

    message = capsys.readouterr().err
    assert "row 2, input: The input is empty." in message
    assert "has 1 error, so nothing was written" in " ".join(message.split())
    assert not list(tmp_path.glob("rows.*.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out-train", "rows.jsonl"], "rows.jsonl is a file to read; choose another one to write"),
        (["--out-train", "rows.xlsx"], "'rows.xlsx' must end in .jsonl, .json, .csv, which sets the format"),
        (["--out-train", "a.csv", "--out-held-out", "a.csv"], "must be another file than --out-train"),
        (["--out-train", "gone/a.csv"], "the folder 'gone' does not exist; create it"),
        (["--held-out", "0"], "not in the range 0<x<=0.5"),
    ],
)
def test_files_that_cannot_be_written_are_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.jsonl", ("a", "x"), ("b", "y"))

    assert split("rows.jsonl", *arguments) == 2

    assert message in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_one_row_cannot_be_divided(tmp_path, capsys):
    assert split(write(tmp_path / "rows.jsonl", ("a", "x")), "--task", "classification") == 1
    assert "has only one row, which cannot be divided" in " ".join(capsys.readouterr().err.split())


def test_the_parts_of_the_current_folder_have_its_name(tmp_path, monkeypatch, capsys):
    from foreword.client.exchange.arrow_tables import write_dataset_folder

    write_dataset_folder(tmp_path / "reviews", ["input", "output"], [[f"text {n}", "ab"[n % 2]] for n in range(20)])
    monkeypatch.chdir(tmp_path / "reviews")

    assert split(".") == 0

    assert f"to {tmp_path / 'reviews.train.jsonl'}." in "".join(capsys.readouterr().out.split("\n"))
