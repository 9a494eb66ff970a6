"""`foreword data convert`."""

from __future__ import annotations

import csv
import json

import pytest

from foreword.cli.application import run


def convert(*arguments):
    return run(["data", "convert", *map(str, arguments)])


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("ticket,input,output\n" + "".join(f"T-{n},text {n},{'A;B' if n % 2 else 'A'}\n" for n in range(12)))
    return path


def test_rows_are_written_in_another_format_with_their_other_columns(rows, tmp_path, capsys):
    assert convert(rows, tmp_path / "rows.jsonl") == 0

    first, *_ = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert json.loads(first) == {"input": "text 0", "output": "A", "ticket": "T-0"}
    assert "Wrote 12 rows to" in capsys.readouterr().out


def test_cells_that_a_spreadsheet_would_run_are_exact_and_warned_of_unless_they_are_escaped(tmp_path, capsys):
    source, target = tmp_path / "rows.jsonl", tmp_path / "rows.csv"
    source.write_text(json.dumps({"input": "=1+1", "output": "-5", "@note": "+a"}) + "\n")

    assert convert(source, target) == 0
    assert "3 cells of" in capsys.readouterr().err
    assert target.read_text().split() == ["input,output,@note", "=1+1,-5,+a"]

    assert convert(source, target, "--escape-formulas") == 0
    assert capsys.readouterr().err == ""
    assert target.read_text().split() == ["input,output,'@note", "'=1+1,-5,'+a"]


def test_a_file_without_readable_rows_writes_nothing(tmp_path, capsys):
    source = tmp_path / "report.csv"
    source.write_text("Complaints of May;;\nNo;Text;Department\n1;It is broken;Service\n")

    assert convert(source, tmp_path / "rows.jsonl") == 1

    shown = " ".join(capsys.readouterr().err.split())
    assert "Remove the line if it is a title" in shown
    assert "so nothing was written" in shown
    assert not (tmp_path / "rows.jsonl").exists()


def test_rows_can_keep_where_they_come_from(rows, tmp_path):
    assert convert(rows, tmp_path / "first.jsonl", "--source-rows") == 0
    assert convert(tmp_path / "first.jsonl", tmp_path / "second.csv", "--source-rows") == 0

    with (tmp_path / "second.csv").open(newline="") as opened:
        last = list(csv.DictReader(opened))[-1]
    assert (last["source_file"], last["source_row"], last["ticket"]) == ("rows.csv", "12", "T-11")


def test_tasks_of_label_studio_are_checked_as_they_are(rows, tmp_path, capsys):
    assert convert(rows, tmp_path / "tasks.json", "--to", "label-studio", "--separator", ";") == 0
    capsys.readouterr()

    assert run(["data", "check", str(tmp_path / "tasks.json"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["usable_row_count"] == 12
    labels = next(part for part in report["parts"] if part["id"] == "label_counts")
    assert [row[:2] for row in labels["content"]["rows"]] == [["A", "12"], ["B", "6"]]


def test_parquet_and_hugging_face_folders_are_read_by_all_commands(rows, tmp_path, capsys):
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    assert convert(rows, tmp_path / "rows.parquet") == 0
    assert convert(tmp_path / "rows.parquet", tmp_path / "folder") == 0
    capsys.readouterr()

    assert run(["data", "diff", str(rows), str(tmp_path / "folder"), "--separator", ";"]) == 0

    assert "12 rows before, 12 after: 12 in both" in capsys.readouterr().out


def test_columns_with_other_names_can_be_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"body": "a", "team": "x", "input": "n"}\n')

    assert (
        convert(tmp_path / "rows.jsonl", tmp_path / "out.csv", "--input-column", "body", "--output-column", "team") == 0
    )

    assert (tmp_path / "out.csv").read_text().splitlines() == ["input,output,original_input", "a,x,n"]


def test_rows_that_cannot_be_read_are_listed_and_left_out(tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text('{"input": "a", "output": "x"}\n{"input": "b"}\n')

    assert convert(tmp_path / "rows.jsonl", tmp_path / "out.jsonl") == 1

    shown = capsys.readouterr()
    assert "row 2, output: Key 'output' is missing." in " ".join(shown.err.split())
    assert "Wrote 1 row to" in shown.out


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("rows.xlsx", "'rows.xlsx' must end in .jsonl, .json, .csv, .parquet, or in nothing for the folder"),
        ("rows.csv", "rows.csv is a file to read"),
        (".", "exists; name a new folder"),
        ("gone/rows.csv", "the folder 'gone' does not exist; create it"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(rows, monkeypatch, capsys, target, message):
    monkeypatch.chdir(rows.parent)

    assert convert("rows.csv", target) == 2

    assert message in " ".join(capsys.readouterr().err.split())


def test_a_split_of_a_file_is_refused(rows, tmp_path, capsys):
    assert convert(rows, tmp_path / "out.jsonl", "--split", "test") == 2

    assert "is no folder of a dataset, and has no splits" in " ".join(capsys.readouterr().err.split())
