"""Layouts of files that people upload: read where they are certain, and otherwise one fault of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from foreword.data.reader import RowReader
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.errors import InvalidArgumentError

PAIRS = [(f"Row {number} is bent", "AB"[number % 2]) for number in range(6)]
OBJECTS = [{"input": text, "output": label} for text, label in PAIRS]
LINES = [json.dumps(item) for item in OBJECTS]
JSONL = "".join(f"{line}\n" for line in LINES)
TABLE = "".join(f"{text},{label}\n" for text, label in PAIRS)
MARK = "\ufeff"


def read(data: bytes | str, **options: str) -> tuple[list[tuple[str, str]], list[Finding]]:
    content = data.encode() if isinstance(data, str) else data
    whole = items(content, len(content) or 1, **options)
    assert items(content, 7, **options) == whole  # however the file is cut
    rows = [(item.input, item.output) for item in whole if isinstance(item, Row)]
    return rows, [item for item in whole if isinstance(item, Finding)]


def items(content: bytes, size: int, **options: str) -> list[Row | Finding]:
    reader = RowReader(**options)
    found = [item for start in range(0, len(content), size) for item in reader.feed(content[start : start + size])]
    return [*found, *reader.finish()]


def as_objects(names: Sequence[str]) -> str:
    return "".join(json.dumps(dict(zip(names, pair, strict=True))) + "\n" for pair in PAIRS)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("\n".join(json.dumps(item, indent=2) for item in OBJECTS), "OBJECTS_OVER_LINES"),
        ("\r\n".join(json.dumps(item, indent=4) for item in OBJECTS), "OBJECTS_OVER_LINES"),
        (",\n".join(json.dumps(item, indent=0) for item in OBJECTS), "OBJECTS_OVER_LINES"),
        ("".join(LINES), "OBJECTS_OVER_LINES"),
        (", ".join(LINES), "OBJECTS_OVER_LINES"),
        (",\n".join(LINES), "COMMAS_BETWEEN_ROWS"),
        ("\n,".join(LINES), "COMMAS_BETWEEN_ROWS"),
        (json.dumps({"data": OBJECTS}), "ROWS_INSIDE_OBJECT"),
        (json.dumps({"version": 1, "tags": ["x"], "rows": OBJECTS, "end": True}, indent=2), "ROWS_INSIDE_OBJECT"),
        (MARK + JSONL[: len(LINES[0]) + 1] + MARK + JSONL[len(LINES[0]) + 1 :], "BYTE_ORDER_MARK"),
        (f"[{LINES[0]},{LINES[1]}]\n{MARK}[{','.join(LINES[2:])}]\n", "SEVERAL_ARRAYS"),
        (json.dumps(JSONL), "ENCODED_TWICE"),
        (json.dumps(json.dumps(OBJECTS)), "ENCODED_TWICE"),
        ("".join(f"{json.dumps(line)}\n" for line in LINES), "ENCODED_TWICE"),
        (json.dumps(LINES), "ENCODED_TWICE"),
        ("sep=;\r\n" + ("input,output\n" + TABLE).replace(",", ";"), "SEPARATOR_LINE"),
        ("input, output\n" + "".join(f'"{text}", "{label}"\n' for text, label in PAIRS), "SPACES_BEFORE_QUOTES"),
        (f"{MARK}input,output\n{TABLE}{MARK}input,output\n", "BYTE_ORDER_MARK"),
        ((MARK + JSONL).encode("utf-16-le"), "UTF16_READ"),
        (JSONL.encode("utf-16-be"), "UTF16_READ"),
        (("input\toutput\r\n" + TABLE.replace(",", "\t")).encode("utf-16"), "UTF16_READ"),
    ],
)
def test_a_layout_that_is_certain_is_read_with_one_remark(data: str | bytes, code: str) -> None:
    rows, findings = read(data)

    assert rows == PAIRS
    assert [finding.code for finding in findings if finding.code != "REPEATED_HEADER"] == [code]
    assert all(finding.severity is Severity.INFO and finding.remedy for finding in findings)


def test_texts_with_escapes_are_read_from_json_that_was_encoded_twice() -> None:
    text = 'He said "hi";\n\t\\n \U0001f600 \u4e2d\u6587 {[,]}'
    inner = "".join(json.dumps({"input": text, "output": text}) + "\n" for _ in range(3))

    assert read(json.dumps(inner))[0] == [(text, text)] * 3
    assert read(json.dumps(inner, ensure_ascii=False))[0] == [(text, text)] * 3


@pytest.mark.parametrize(
    "names",
    [("prompt", "completion"), ("text", "label"), ("Instruction", "Response"), ("question", "answer")],
    ids=" and ".join,
)
@pytest.mark.parametrize(
    "write", [as_objects, lambda names: f"{','.join(names)}\n{TABLE}"], ids=["as objects", "as a table"]
)
def test_usual_names_of_columns_are_understood_with_a_remark(
    names: Sequence[str], write: Callable[[Sequence[str]], str]
) -> None:
    rows, findings = read(write(names))

    assert rows == PAIRS
    assert [(finding.code, finding.severity) for finding in findings] == [("COLUMNS_READ", Severity.INFO)]
    assert f"{names[0]!r} as input and {names[1]!r} as output" in findings[0].message


@pytest.mark.parametrize("names", [("text", "topic"), ("id", "label")], ids=" and ".join)
def test_other_names_are_read_only_if_they_are_set(names: tuple[str, str]) -> None:
    columns = {"input_column": names[0], "output_column": names[1]}

    assert read(as_objects(names))[0] == []
    assert read(as_objects(names), **columns) == (PAIRS, [])
    assert read(f"{','.join(names)}\n{TABLE}", **columns) == (PAIRS, [])


def test_a_column_that_is_set_is_read_instead_of_one_with_the_usual_name() -> None:
    line = json.dumps({"input": "old", "body": "a", "output": "b"})

    assert read(line, input_column="body")[0] == [("a", "b")]
    assert read("input,body,output\nold,a,b\n", input_column="body")[0] == [("a", "b")]


def test_columns_that_are_set_to_one_name_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="output_column"):
        RowReader(input_column="text", output_column="text")


def test_two_possible_pairs_of_names_are_not_guessed() -> None:
    line = json.dumps({"text": "a", "label": "b", "summary": "c"})

    assert [finding.code for finding in read(line)[1]] == ["MISSING_KEY", "MISSING_KEY"]


@pytest.mark.parametrize(
    ("messages", "row"),
    [
        (["user: Where is it?", "assistant: Warehouse"], ("Where is it?", "Warehouse")),
        (
            ["system: Name the department.", "user: a", "assistant: b", "user: c", "assistant: d"],
            ("Name the department.\n\nInput: a\nOutput: b\n\nInput: c\nOutput:", "d"),
        ),
    ],
)
@pytest.mark.parametrize(("column", "keys"), [("messages", ("role", "content")), ("conversations", ("from", "value"))])
def test_chats_are_read_as_the_prompts_that_they_are_in_requests(
    messages: list[str], row: tuple[str, str], column: str, keys: tuple[str, str]
) -> None:
    chat = {column: [dict(zip(keys, message.split(": ", 1), strict=True)) for message in messages]}

    rows, findings = read(f"{json.dumps(chat)}\n" * 3)

    assert rows == [row] * 3
    assert [(finding.code, finding.severity) for finding in findings] == [("CHAT_READ", Severity.INFO)]


@pytest.mark.parametrize(
    "messages", [[], [{"role": "user", "content": "a"}], [{"role": "tool", "content": "a"}], ["a"]]
)
def test_a_chat_without_an_answer_is_a_fault_of_its_row(messages: list[object]) -> None:
    assert [finding.code for finding in read(json.dumps({"messages": messages}))[1]] == ["CHAT_NOT_READ"]


def test_a_list_of_texts_is_read_as_labels() -> None:
    rows, findings = read('{"input": "a", "output": ["Warehouse", "Packaging"]}\n')

    assert rows == [("a", "Warehouse, Packaging")]
    assert [(finding.code, finding.severity) for finding in findings] == [("LIST_AS_LABELS", Severity.INFO)]


@pytest.mark.parametrize(
    "data",
    [
        '{"input": {"0": "a", "1": "b"}, "output": {"0": "A", "1": "B"}}',
        '{"input": ["a", "b"], "output": ["A", "B"]}',
        '{"columns": ["input", "output"], "index": [0, 1], "data": [["a", "A"], ["b", "B"]]}',
    ],
)
def test_a_file_of_columns_is_one_fault_with_the_call_that_writes_rows(data: str) -> None:
    rows, [finding] = read(data)

    assert (rows, finding.code, finding.rows) == ([], "ROWS_AS_COLUMNS", ())
    assert "orient='records'" in finding.remedy


def test_other_lists_beside_the_rows_are_a_warning_that_names_them() -> None:
    rows, findings = read(json.dumps({"train": OBJECTS, "test": OBJECTS}))

    assert rows == PAIRS
    assert [(finding.code, finding.severity) for finding in findings] == [
        ("ROWS_INSIDE_OBJECT", Severity.INFO),
        ("OTHER_LISTS", Severity.WARNING),
    ]
    assert "'test'" in findings[1].message


def test_a_missing_brace_between_objects_over_lines_is_a_fault_of_one_row() -> None:
    objects = [json.dumps(item, indent=2) for item in OBJECTS]
    objects[2] = objects[2].rstrip("}")

    rows, findings = read("\n".join(objects))

    assert rows == [pair for pair in PAIRS if pair != PAIRS[2]]
    assert [(item.code, item.rows) for item in findings if item.severity is Severity.ERROR] == [("NOT_JSON", (3,))]


def test_a_header_with_its_columns_in_another_order_inside_the_file_is_followed() -> None:
    rows, findings = read("input,output\na,A\noutput,input\nB,b\n")

    assert rows == [("a", "A"), ("b", "B")]
    assert [(finding.code, finding.rows) for finding in findings] == [("REPEATED_HEADER", (2,))]


def test_a_first_row_without_a_closing_brace_does_not_make_a_file_of_lines_another_one() -> None:
    rows, findings = read(LINES[0].rstrip("}") + "\n" + JSONL)

    assert rows == PAIRS
    assert [(finding.code, finding.rows) for finding in findings] == [("NOT_JSON", (1,))]


@pytest.mark.parametrize(
    "task",
    [
        {"id": 1, "data": {"text": "a"}, "annotations": [{"result": []}], "predictions": []},
        {"id": 1, "text": "a", "sentiment": "X", "annotator": 1, "annotation_id": 7},
    ],
)
def test_tasks_of_label_studio_are_named_with_the_command_that_converts_them(task: dict[str, object]) -> None:
    rows, findings = read(json.dumps([task]))

    assert not rows
    assert [(item.code, item.rows) for item in findings] == [("LABEL_STUDIO_TASK", (1,))]
    assert "foreword data convert export.json rows.jsonl" in findings[0].remedy


def test_an_object_of_rows_by_number_is_one_fault_of_the_file() -> None:
    rows, findings = read(json.dumps({str(number): item for number, item in enumerate(OBJECTS)}))

    assert not rows
    assert [item.code for item in findings] == ["ROWS_AS_COLUMNS"]
    assert "rows by their number" in findings[0].message
    assert read(json.dumps({"0": {"id": 7}, **OBJECTS[0]}))[0] == PAIRS[:1]


@pytest.mark.parametrize("answer", [None, [{"type": "text", "text": "A"}]])
def test_a_chat_that_cannot_be_read_is_named_with_what_it_needs(answer: object) -> None:
    chat = [{"role": "user", "content": "Row 1 is bent"}, {"role": "assistant", "content": answer}]

    rows, findings = read(json.dumps({"messages": chat}))

    assert not rows
    assert [(item.code, item.rows) for item in findings] == [("CHAT_NOT_READ", (1,))]
    assert "answer of the assistant as the last one" in findings[0].remedy
