import json

from foreword.cli.application import run


def write(tmp_path, *lines):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_the_sample_checks_out_without_a_warning(capsys, tmp_path):
    assert run(["data", "sample"]) == 0
    path = write(tmp_path, capsys.readouterr().out)

    assert run(["data", "check", path, "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["row_count"] == report["usable_row_count"] == 263
    assert {item["severity"] for item in report["findings"]} <= {"info"}


def test_options_of_a_task_are_checked_against_it(capsys, tmp_path):
    path = write(tmp_path, *(f'{{"input": "a{number}", "output": "x"}}' for number in range(12)))

    assert run(["data", "check", path, "--task", "generation", "--option", "tone=kind"]) == 2
    assert "'tone' is unknown. The task generation has none." in " ".join(capsys.readouterr().err.split())
    assert run(["data", "check", path, "--task", "generation", "--separator", ";"]) == 1
    assert "--separator: is not an option of the task generation" in " ".join(capsys.readouterr().err.split())


def test_a_badly_distributed_file_is_usable_but_warned_of(capsys, tmp_path):
    run(["data", "sample", "complaints_v2"])
    path = write(tmp_path, capsys.readouterr().out)

    assert run(["data", "check", path]) == 0

    shown = capsys.readouterr().out
    assert "147 of 147 rows can be used, 2 warnings" in shown
    assert "8 rows have only the label 'Warehouse'" in shown
    assert "Rows with both labels" in shown


def test_remedies_name_the_options_of_the_command(capsys, tmp_path):
    path = write(tmp_path, *(json.dumps({"input": f"Complaint {n}", "output": f"Label {n}"}) for n in range(60)))

    run(["data", "check", path])
    run(["data", "check", path, "--task", "classification"])

    shown = " ".join(capsys.readouterr().out.split())
    assert "Set --task to choose another one" in shown
    assert "or set --labels and --separator if the outputs are labels" in shown


def test_findings_about_labels_name_the_options_of_the_command(capsys, tmp_path):
    path = write(
        tmp_path, *(json.dumps({"input": f"text {n}", "output": "A, B" if n % 3 else "AB"[n % 2]}) for n in range(30))
    )

    run(["data", "check", path])
    run(["data", "check", path, "--labels", "A,B", "--single-label", "--task", "classification"])

    shown = " ".join(capsys.readouterr().out.split())
    assert "Use --single-label if each output is a single label." in shown
    assert "--labels: 'A, B' (row 2, 3," in shown
    assert "or use --multi-label" in shown
    assert "`" not in shown


def test_faulty_rows_are_named_with_the_remedy_and_fail_the_command(capsys, tmp_path):
    path = write(tmp_path, '{"input": "a [red]b[/red]", "output": "x"}', '{"input": "", "output": "x"}', "nonsense")

    assert run(["data", "check", path]) == 1

    shown = capsys.readouterr()
    assert "1 of 3 rows can be used" in shown.out
    assert "row 2, input: The input is empty." in shown.out
    assert "row 3: " in shown.out
    assert "“nonsense”" in shown.out
    assert shown.err == ""


def test_labels_can_be_declared(capsys, tmp_path):
    path = write(tmp_path, '{"input": "a", "output": "x"}', '{"input": "b", "output": "other"}')

    assert run(["data", "check", path, "--task", "classification", "--labels", "x, y"]) == 1

    assert "other" in capsys.readouterr().out


def test_a_task_that_is_not_installed_lists_those_that_are(capsys, tmp_path):
    assert run(["data", "check", write(tmp_path, "{}"), "--task", "painting"]) == 1
    assert "--task: 'painting' is not installed (installed: classification, generation" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_wrong_call(capsys, tmp_path):
    assert run(["data", "check", str(tmp_path / "gone.jsonl")]) == 2
    assert "gone.jsonl" in capsys.readouterr().err


def test_a_picture_is_drawn_if_rows_can_be_used(capsys, tmp_path):
    good = write(tmp_path, *(json.dumps({"input": f"text {n}", "output": "ab"[n % 2]}) for n in range(12)))

    assert run(["data", "check", good, "--plot", str(tmp_path / "rows.svg")]) == 0
    assert run(["data", "check", write(tmp_path, "{nonsense"), "--plot", str(tmp_path / "none.svg")]) == 1

    assert "<svg" in (tmp_path / "rows.svg").read_text()
    assert not (tmp_path / "none.svg").exists()
    assert "The row is not JSON" in capsys.readouterr().out


def test_rows_of_another_file_are_named_with_both_numbers(capsys, tmp_path):
    held_out = tmp_path / "held_out.csv"
    held_out.write_text("input,output\nThe box was wet and torn,x\nI waited for an hour,x\n", encoding="utf-8")
    path = write(tmp_path, '{"input": "Thanks", "output": "x"}', '{"input": "I waited for an hour", "output": "x"}')

    assert run(["data", "check", path, "--against", str(held_out), "--json"]) == 0

    findings = {item["code"]: item for item in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["LEAKED_ROWS"]["rows"] == [2]
    assert "row 2 is row 2 there" in findings["LEAKED_ROWS"]["message"]


def test_the_file_of_against_has_the_named_columns_and_must_be_readable(capsys, tmp_path):
    path = tmp_path / "tickets.csv"
    path.write_text("subject,team\nThe box was wet and torn,x\nI waited for an hour,y\n", encoding="utf-8")
    columns = ["--input-column", "subject", "--output-column", "team"]

    assert run(["data", "check", str(path), *columns, "--against", str(path)]) == 0
    assert "2 rows of this file have an input of the other file" in capsys.readouterr().out

    good = write(tmp_path, '{"input": "Thanks", "output": "x"}')
    assert run(["data", "check", good, "--against", str(path)]) == 1
    assert "tickets.csv can be used, so there is nothing to compare with." in " ".join(capsys.readouterr().err.split())
