"""`foreword data diff`."""

from __future__ import annotations

import json

from foreword.cli.application import run


def write(path, *rows):
    path.write_text("".join(json.dumps({"input": input, "output": output}) + "\n" for input, output in rows))
    return path


def diff(*arguments):
    return run(["data", "diff", *map(str, arguments)])


def test_changed_removed_and_added_rows_are_listed_with_their_numbers(tmp_path, capsys):
    old = write(tmp_path / "old.jsonl", ("a", "x"), ("b", "y"), ("c", "x"), ("d", "y"))
    new = write(tmp_path / "new.jsonl", ("d", "y"), ("a", "y"), ("c", "x"), ("e", "x"))

    assert diff(old, new, "--task", "classification", "--json") == 0

    found = json.loads(capsys.readouterr().out)
    assert found["changed"] == [{"old_row": 1, "new_row": 2, "input": "a", "old_output": "x", "new_output": "y"}]
    assert found["removed"] == [{"row": 2, "input": "b", "output": "y"}]
    assert found["added"] == [{"row": 4, "input": "e", "output": "x"}]
    assert found["shared_row_count"] == 2
    assert found["label_sets"] == []  # two rows of each label in both


def test_label_counts_before_and_after_are_shown(tmp_path, capsys):
    old = write(tmp_path / "old.jsonl", *((f"text {n}", "A" if n % 2 else "B") for n in range(20)))
    new = write(tmp_path / "new.jsonl", *((f"text {n}", "A" if n else "B") for n in range(20)))

    assert diff(old, new) == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["A", "10", "50.0%", "19", "95.0%", "+45.0"] in lines
    assert ["B", "10", "50.0%", "1", "5.0%", "\N{MINUS SIGN}45.0"] in lines
    assert [line for line in lines if line[:3] == ["3", "3", "text"]] == [["3", "3", "text", "2", "B", "A"]]


def test_equal_rows_in_another_order_and_format_are_no_difference(tmp_path, capsys):
    rows = [("a, b", "x"), ("c", "y"), ("c", "y")]
    old = write(tmp_path / "old.jsonl", *rows)
    new = tmp_path / "new.csv"
    new.write_text('output,input\ny,c\nx,"a, b"\ny,c\n')

    assert diff(old, new, "--task", "classification") == 0

    shown = capsys.readouterr().out
    assert shown.splitlines() == [
        "3 rows before, 3 after: 3 in both, 0 with another output, 0 removed, 0 added",
    ]


def test_long_lists_are_cut_on_the_screen_only(tmp_path, capsys):
    old = write(tmp_path / "old.jsonl", ("kept", "x"))
    new = write(tmp_path / "new.jsonl", ("kept", "x"), *((f"text {n}", "x") for n in range(50)))

    assert diff(old, new, "--task", "generation") == 0
    shown = capsys.readouterr().out
    assert diff(old, new, "--task", "generation", "--json") == 0
    found = json.loads(capsys.readouterr().out)

    assert "and 30 more; --json lists all" in shown
    assert len(found["added"]) == found["added_row_count"] == 50


def test_rows_with_faults_are_left_out_with_a_warning(tmp_path, capsys):
    old = write(tmp_path / "old.jsonl", ("a", "x"), ("", "x"))
    new = write(tmp_path / "new.jsonl", ("a", "x"))

    assert diff(old, new, "--task", "generation") == 0

    shown = capsys.readouterr()
    assert "1 row before, 1 after: 1 in both" in shown.out
    assert f"{old} has faults, so that 1 of its 2 rows is left out of the comparison" in shown.err


def test_a_file_without_usable_rows_is_a_fault_and_its_columns_can_be_named(tmp_path, capsys):
    file = tmp_path / "tickets.csv"
    file.write_text("subject,team\na,x\nb,y\n")

    assert diff(file, file) == 1
    shown = capsys.readouterr().err
    assert "set them (--input-column, --output-column)" in shown
    assert f"No row of {file} can be used, so there is nothing to compare with." in shown

    assert diff(file, file, "--input-column", "subject", "--output-column", "team") == 0
    assert capsys.readouterr().out.startswith("2 rows before, 2 after: 2 in both")


def test_outputs_that_only_look_alike_are_shown_with_their_difference(tmp_path, capsys):
    old, new = write(tmp_path / "old.jsonl", ("a", "x")), write(tmp_path / "new.jsonl", ("a", "x "))

    assert diff(old, new) == 0

    assert ["1", "1", "a", "x", "'x", "'"] in [line.split() for line in capsys.readouterr().out.splitlines()]
