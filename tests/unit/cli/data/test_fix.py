"""`foreword data fix`."""

from __future__ import annotations

import json

import pytest

from foreword.cli.application import run


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fix(file, *arguments):
    return run(["data", "fix", str(file), *map(str, arguments)])


ROWS = (
    *({"input": f"text {n}", "output": "Return" if n % 2 else "Other", "ticket": n} for n in range(10)),
    {"input": " text x", "output": "return", "ticket": 10},
    {"input": "text 1", "output": "Return ", "ticket": 11},
)


def test_the_corrected_file_and_every_change_are_written_and_shown(tmp_path, capsys):
    file, out, changes = write(tmp_path / "rows.jsonl", *ROWS), tmp_path / "fixed.jsonl", tmp_path / "changes.jsonl"
    original = file.read_bytes()

    assert fix(file, "--out", out, "--changes", changes) == 0

    assert lines(out) == [*ROWS[:10], {"input": "text x", "output": "Return", "ticket": 10}]
    assert [(item["row"], item["column"], item["after"], item["code"]) for item in lines(changes)] == [
        (11, "input", "text x", "SURROUNDING_SPACE"),
        (11, "output", "Return", "LABEL_SPELLING"),
        (12, "output", "Return", "SURROUNDING_SPACE"),
        (12, None, None, "DUPLICATE_ROWS"),
    ]
    shown = capsys.readouterr().out
    assert "4 changes" in shown
    assert "(removed: repeats row 2, whose other columns differ)" in shown
    assert f"Wrote 11 rows to {out}." in shown
    assert file.read_bytes() == original


def test_a_second_run_has_nothing_to_correct(tmp_path, capsys):
    file, first, second = write(tmp_path / "rows.jsonl", *ROWS), tmp_path / "first.csv", tmp_path / "second.csv"
    assert fix(file, "--out", first) == 0
    capsys.readouterr()

    assert fix(first, "--out", second) == 0

    assert "Nothing to correct." in capsys.readouterr().out
    assert first.read_bytes() == second.read_bytes()


def test_a_dry_run_shows_the_changes_and_writes_no_file(tmp_path, capsys):
    file = write(tmp_path / "rows.jsonl", *ROWS)

    assert fix(file, "--dry-run") == 0

    assert "4 changes" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_what_a_person_has_to_correct_is_listed_with_its_remedy(tmp_path, capsys):
    contradiction = ({"input": "text 1", "output": "Other"}, {"input": "", "output": "Other"})
    file, out = write(tmp_path / "rows.jsonl", *ROWS, *contradiction), tmp_path / "fixed.jsonl"
    with file.open("a") as opened:
        opened.write("nonsense\n")

    assert fix(file, "--out", out) == 1

    shown = " ".join(capsys.readouterr().out.split())
    assert "Could not be read and is not in the written file: error row 15: The row is not JSON" in shown
    assert "Row 12 has the same input as row 2 but a different output." in shown
    assert "error row 13, input: The input is empty. Add a text, or remove the row." in shown
    assert len(lines(out)) == 13


def test_names_of_columns_are_normalised_and_other_columns_kept(tmp_path, capsys):
    file, out = tmp_path / "rows.csv", tmp_path / "fixed.csv"
    file.write_text("\ufeffTicket;INPUT;Output\r\n" + "".join(f"{n};text {n};{'ab'[n % 2]}\r\n" for n in range(12)))

    assert fix(file, "--out", out) == 0

    assert out.read_text().splitlines()[:2] == ["input,output,Ticket", "text 0,a,0"]
    assert "Column 'INPUT' is read as 'input'." in capsys.readouterr().out


def test_only_named_corrections_are_made(tmp_path, capsys):
    file, out = write(tmp_path / "rows.jsonl", *ROWS), tmp_path / "fixed.jsonl"

    assert fix(file, "--out", out, "--only", "DUPLICATE_ROWS") == 0

    assert lines(out) == list(ROWS[:11])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name the file to write with --out, or show the changes with --dry-run."),
        (["--out", "rows.jsonl"], "rows.jsonl is a file to read; choose another one to write"),
        (["--out", "fixed.txt"], "'fixed.txt' must end in .jsonl, .json, .csv"),
        (["--out", "fixed.csv", "--changes", "fixed.csv"], "must be another file than FILE and --out"),
        (["--dry-run", "--only", "CONFLICTING_OUTPUTS"], "'CONFLICTING_OUTPUTS' cannot be corrected; choose from"),
        (["--dry-run", "--task", "painting"], "'painting' is not installed (installed: classification, generation"),
    ],
)
def test_a_wrong_call_names_the_problem(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.jsonl", *ROWS)

    assert fix("rows.jsonl", *arguments) == 2

    assert message in " ".join(capsys.readouterr().err.split())


def test_a_file_without_rows_is_not_written(tmp_path, capsys):
    file, out = tmp_path / "rows.jsonl", tmp_path / "fixed.jsonl"
    file.write_text("{nonsense\n")

    assert fix(file, "--out", out) == 1

    shown = capsys.readouterr()
    assert "The row is not JSON" in shown.out
    assert f"No row of {file} is left, so nothing was written." in shown.err
    assert not out.exists()


def test_a_missing_folder_for_the_changes_is_named_before_anything_is_written(tmp_path, capsys):
    file, out = write(tmp_path / "rows.jsonl", *ROWS), tmp_path / "fixed.jsonl"

    assert fix(file, "--out", out, "--changes", tmp_path / "nowhere" / "changes.jsonl") == 2

    assert "does not exist; create it" in capsys.readouterr().err
    assert not out.exists()


def test_the_changes_of_a_file_that_is_too_large_to_check_are_listed(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FOREWORD_MAX_DATASET_BYTES", "100")
    file, changes = write(tmp_path / "rows.jsonl", *ROWS), tmp_path / "changes.jsonl"

    assert fix(file, "--out", tmp_path / "fixed.jsonl", "--changes", changes) == 1

    assert len(lines(changes)) == 4
    assert "FILE: the file is larger than 100 bytes" in capsys.readouterr().err
