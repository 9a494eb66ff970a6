"""Whole files through `foreword classify --file`, against a real server."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click import ClickException

from foreword.cli.application import run
from foreword.cli.classify_file import classify_file
from foreword.cli.text_file import TextRow
from foreword.domain.tenant import Scope
from foreword.errors import ForewordError

MODEL = "baseModels/foreword--starter"
OPTIONS = ["--labels", "Service, Warehouse"]
TEXTS = [f"There are {number} parts missing, and nobody answers." for number in range(150)]


@pytest.fixture
def classify(server, monkeypatch, capsys):
    """Runs `foreword classify` and returns status, standard output and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(f"files-{time.time_ns()}", (Scope.INFER,)))

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(["classify", MODEL, *OPTIONS, *arguments])
        captured = capsys.readouterr()
        # The server of the tests logs to the same standard output.
        out = "".join(line for line in captured.out.splitlines(keepends=True) if "component" not in line)
        return status, out, captured.err

    return call


def write(path: Path, content: str) -> str:
    path.write_text(content, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.jsonl", b"", "No row could be read from the file."),
        ("blank.txt", b"\n \n", "No row could be read from the file."),
        ("header.csv", b"input\n", "No row could be read from the file."),
        ("wide.csv", "input\nWhere is it?\n".encode("utf-16"), "The file is UTF-16 text. Save it as UTF-8."),
        ("book.xlsx", b"PK\x03\x04...", "The file is a spreadsheet or an archive."),
    ],
)
def test_a_file_without_readable_rows_is_an_error(classify, tmp_path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)

    status, out, err = classify("--file", str(tmp_path / name))

    assert (status, out) == (1, "")
    assert problem in " ".join(err.split())


def test_every_row_is_answered_as_it_is_alone_and_in_its_order(classify, tmp_path) -> None:
    file = write(tmp_path / "texts.jsonl", "".join(json.dumps({"input": text}) + "\n" for text in TEXTS))

    status, out, err = classify("--file", file)

    assert status == 0, err
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["row"] for answer in answers] == list(range(1, 151))
    assert [answer["input"] for answer in answers] == TEXTS
    for number in (0, 149):
        alone = json.loads(classify(TEXTS[number], "--json")[1])
        assert answers[number]["labels"] == alone["labels"]
        assert answers[number]["probability"] == pytest.approx(alone["label_sets"][0]["probability"], abs=1e-4)
    assert "150 rows, " in err.splitlines()[-1]


def test_a_row_that_fails_is_reported_and_stops_no_other(classify, tmp_path) -> None:
    lines = [
        '{"input": "a"}',
        "no json",
        '{"text": "b"}',
        '{"input": 7}',
        "",
        '"c"',
        json.dumps({"input": "x " * 2000}),
    ]
    output = tmp_path / "answers.csv"

    status, out, err = classify("--file", write(tmp_path / "x.jsonl", "\n".join(lines)), "--output", str(output))

    assert (status, out) == (1, "")
    assert "3 of 6 rows failed" in err
    answers = list(csv.DictReader(output.read_text().splitlines()))
    assert [answer["row"] for answer in answers] == ["1", "2", "3", "4", "6", "7"], "numbers are not those of the file"
    assert [answer["input"] for answer in answers][:5] == ["a", "", "b", "", "c"]
    assert [bool(answer["labels"]) for answer in answers] == [True, False, True, False, True, False]
    assert answers[1]["error"].startswith("The line is not JSON")
    assert answers[3]["error"] == "The line has no text under `input`."
    assert "tokens" in answers[5]["error"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,Input\n1,"one, two"\n2,"thr""ee\nfour"\n'),
        ("a.csv", 'input;output\n"one, two";x\n"thr""ee\nfour";y\n'),
        ("a.tsv", 'id\tinput\n1\tone, two\n2\t"thr""ee\nfour"\n'),
    ],
)
def test_csv_of_any_delimiter_is_read_by_its_column(classify, tmp_path, name: str, content: str) -> None:
    status, out, _ = classify("--file", write(tmp_path / name, content))

    assert status == 0
    assert [json.loads(line)["input"] for line in out.splitlines()] == ["one, two", 'thr"ee\nfour']


def test_the_other_columns_of_a_csv_stay_beside_the_answers(classify, tmp_path) -> None:
    content = "Ticket,input,labels,,Ticket\nT-1,one,old,x,a\n=1+1,two\nT-3,three,old,y,b,surplus\n"
    output = tmp_path / "answers.csv"

    status, out, err = classify("--file", write(tmp_path / "a.csv", content), "--output", str(output))

    rows = list(csv.reader(output.read_text().splitlines()))
    assert rows[0] == [
        "row",
        "Ticket",
        "input_labels",
        "column_4",
        "Ticket_5",
        "input",
        "labels",
        "probability",
        "error",
    ]
    assert [row[:6] for row in rows[1:]] == [
        ["1", "T-1", "old", "x", "a", "one"],
        ["2", "'=1+1", "", "", "", "two"],
        ["3", "T-3", "old", "y", "b", ""],
    ]
    assert [bool(row[6]) for row in rows[1:]] == [True, True, False]
    assert rows[3][8] == "The row has 6 fields, but the header has 5."
    assert (status, out, "1 of 3 rows failed" in err) == (1, "", True)


def test_the_other_fields_of_json_lines_stay_beside_the_answers(classify, tmp_path) -> None:
    lines = ['{"id": 7, "input": "one", "row": "A"}', '{"text": "two", "far": 1e999}', '{"id": 8}'] + [
        '{"input": "x"}'
    ] * 130
    file = write(tmp_path / "a.jsonl", "\n".join([*lines, '{"input": "last", "late": {"a": [1]}}']))
    output = tmp_path / "answers.csv"

    status, out, _ = classify("--file", file)
    as_csv, _, _ = classify("--file", file, "--output", str(output))

    answers = [json.loads(line) for line in out.splitlines()]
    assert (status, as_csv) == (1, 1)
    assert [answers[0][name] for name in ("row", "id", "input_row", "input")] == [1, 7, "A", "one"]
    assert (answers[1]["far"], answers[2]["id"], "error" in answers[2]) == ("1e999", 8, True)
    assert answers[-1]["late"] == {"a": [1]}
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert list(rows[0])[:5] == ["row", "id", "input_row", "far", "late"]
    assert (rows[0]["id"], rows[1]["far"], rows[-1]["late"]) == ("7", "1e999", '{"a": [1]}')


def test_csv_of_a_stream_has_the_columns_of_its_beginning_and_the_rest_together(capsys) -> None:
    rows = [TextRow(number=number, fault="no text", fields={"id": number}) for number in range(1, 129)]
    rows.append(TextRow(number=129, fault="no text", fields={"id": 129, "late": "here"}))
    output = io.StringIO()

    with pytest.raises(ClickException):
        classify_file(rows, lambda _: (), output, as_csv=True, escape_formulas=True)

    found = list(csv.DictReader(io.StringIO(output.getvalue())))
    assert (found[0]["id"], found[0]["later_fields"]) == ("1", "")
    assert (found[128]["id"], found[128]["later_fields"]) == ("129", '{"late": "here"}')


def test_any_other_file_is_a_text_in_each_line(classify, tmp_path) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes("\ufeffone\r\n\r\ntwo\n".encode() + b"thr\xffee\n")

    status, out, _ = classify("--file", str(path), "--instruction", "Who should hear of this?")

    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["input"] for answer in answers] == ["one", "two", "thr?ee"]
    assert ["error" in answer for answer in answers] == [False, False, True]
    assert status == 1


def test_a_csv_without_the_column_says_what_it_has(classify, tmp_path) -> None:
    status, out, _ = classify("--file", write(tmp_path / "a.csv", "id,label\n1,x\n"))

    assert status == 1
    assert "no column `input`; its columns are: id, label" in json.loads(out)["error"]


def test_an_error_that_concerns_all_rows_ends_the_work_and_says_where(classify, tmp_path, monkeypatch) -> None:
    file = write(tmp_path / "texts.txt", "\n".join(TEXTS))
    monkeypatch.setenv("FOREWORD_API_KEY", "fw_wrong")

    status, out, err = classify("--file", file)

    assert (status, out) == (1, "")
    assert "Row 1 and all later rows were not classified." in err


def test_text_and_file_exclude_each_other(classify, tmp_path) -> None:
    file = write(tmp_path / "texts.txt", "one")

    assert classify("text", "--file", file)[0] == 2
    assert classify()[0] == 2
    assert classify("text", "--output", file)[0] == 2


@pytest.mark.parametrize("name", ["texts.jsonl", "link.jsonl"])
def test_the_file_to_read_is_not_overwritten(classify, tmp_path, name) -> None:
    file = write(tmp_path / "texts.jsonl", '{"input": "a"}\n')
    (tmp_path / "link.jsonl").symlink_to(file)

    status, out, err = classify("--file", file, "--output", str(tmp_path / name))

    assert (status, out) == (2, "")
    assert "is the file to read" in err
    assert Path(file).read_text(encoding="utf-8") == '{"input": "a"}\n'


def test_an_interrupted_command_says_which_rows_are_missing_and_keeps_the_others_whole(capsys) -> None:
    def rows() -> Iterator[TextRow]:
        yield from (TextRow(number=number, fault="no text") for number in range(1, 129))
        yield from (TextRow(number=number, text="a") for number in range(129, 200))

    def interrupted(texts: Sequence[str]) -> Sequence[ForewordError]:
        if texts:
            raise KeyboardInterrupt
        return ()

    output = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        classify_file(rows(), interrupted, output, as_csv=False, escape_formulas=True)

    assert [json.loads(line)["row"] for line in output.getvalue().splitlines()] == list(range(1, 129))
    assert "Row 129 and all later rows were not classified." in capsys.readouterr().err
