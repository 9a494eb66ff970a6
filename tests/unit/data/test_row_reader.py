"""RowReader: formats, encodings and line ends, and how faults are named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from foreword.data.reader import RowReader
from foreword.data.record import MAX_ROW_BYTES
from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.errors import InvalidArgumentError

LINE = b'{"input": "a", "output": "b"}'


def read(data: bytes, format: str = "") -> tuple[list[Row], list[Finding], RowReader]:
    reader = RowReader(format)
    items = [*reader.feed(data), *reader.finish()]
    rows = [item for item in items if isinstance(item, Row)]
    return rows, [item for item in items if isinstance(item, Finding)], reader


def faults(data: bytes, format: str = "") -> list[tuple[str, tuple[int, ...]]]:
    return [(finding.code, finding.rows) for finding in read(data, format)[1]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("format", "lines"),
    [
        ("jsonl", [b'{"input": "a", "output": "b"}', b'{"input": "c", "output": "d"}']),
        ("json", [b"[", b'{"input": "a", "output": "b"},', b'{"input": "c", "output": "d"}', b"]"]),
        ("csv", [b"input,output", b"a,b", b'"c",d']),
    ],
)
def test_every_format_is_recognised_with_any_line_end_and_byte_order_mark(
    format: str, lines: list[bytes], mark: bytes, end: bytes
) -> None:
    rows, findings, reader = read(mark + end.join(lines) + end)

    assert rows == [Row(number=1, input="a", output="b"), Row(number=2, input="c", output="d")]
    assert findings == []
    assert (reader.format, reader.row_count) == (format, 2)


@pytest.mark.parametrize(
    "line",
    [
        '{"input":"a\\"b","output":"\u00fc"}',
        '{ "output" : "\\u00fc", "input" : "a\\"b" } ',
        '{"input": "a\\u0022b", "output": "\u00fc"}',
        '{"inp\\u0075t": "a\\"b", "output": "\u00fc"}',
    ],
)
def test_an_object_is_the_same_row_however_it_is_written(line: str) -> None:
    assert read(f"{line}\n".encode())[:2] == ([Row(number=1, input='a"b', output="\u00fc")], [])


def test_the_last_line_needs_no_line_end() -> None:
    assert len(read(LINE)[0]) == 1


def test_blank_lines_are_skipped_but_counted_so_that_numbers_are_those_of_an_editor() -> None:
    rows, _, reader = read(LINE + b"\n\n  \n" + LINE)

    assert [row.number for row in rows] == [1, 4]
    assert reader.row_count == 2


def test_a_line_separator_inside_a_text_ends_no_row() -> None:
    rows, findings, _ = read('{"input": "a\u2028b\u0085c", "output": "d"}\n'.encode())

    assert rows[0].input == "a\u2028b\u0085c"
    assert findings == []


def test_all_faulty_rows_are_named_and_the_others_are_read() -> None:
    data = b"\n".join(
        [LINE, b"oops", b'{"input": "a"}', b'{"input": "a", "output": null}', b"[1]", b'{"input": "\xff"}', LINE]
    )

    rows, findings, _ = read(data)

    assert [row.number for row in rows] == [1, 7]
    assert [(finding.code, finding.rows) for finding in findings] == [
        ("NOT_JSON", (2,)),
        ("MISSING_KEY", (3,)),
        ("NOT_TEXT", (4,)),
        ("NOT_AN_OBJECT", (5,)),
        ("INVALID_UTF8", (6,)),
    ]
    assert all(finding.severity is Severity.ERROR and finding.remedy for finding in findings)


def test_a_fault_carries_column_and_offending_text() -> None:
    finding = read(b'{"input": "a", "output": ["x, y"]}')[1][0]

    assert (finding.code, finding.column, finding.excerpt) == ("NOT_TEXT", "output", '["x, y"]')


def test_a_misnamed_key_is_named_in_the_remedy() -> None:
    assert "Rename 'Input' to 'input'" in read(b'{"Input": "a", "output": "b"}')[1][0].remedy
    assert "'text'" in read(b'{"text": "a", "output": "b"}')[1][0].remedy


def test_an_unknown_key_is_a_warning_and_the_row_is_read() -> None:
    rows, findings, _ = read(b'{"input": "a", "output": "b", "id": 7}')

    assert rows == [Row(number=1, input="a", output="b")]
    assert [(finding.code, finding.severity) for finding in findings] == [("UNKNOWN_KEY", Severity.WARNING)]


def test_a_key_given_twice_is_refused() -> None:
    assert faults(b'{"input": "a", "input": "b", "output": "c"}') == [("REPEATED_KEY", (1,))]


@pytest.mark.parametrize("number", ["1", "1.50", "-3e7", "9" * 5000])
def test_a_number_is_read_as_written_and_reported(number: str) -> None:
    rows, findings, _ = read(f'{{"input": "a", "output": {number}}}'.encode())

    assert rows[0].output == number
    assert type(rows[0].output) is str
    assert [(finding.code, finding.severity) for finding in findings] == [("NUMBER_AS_TEXT", Severity.INFO)]


@pytest.mark.parametrize("value", ["true", "null", "{}", "[]"])
def test_other_values_are_refused(value: str) -> None:
    assert faults(f'{{"input": {value}, "output": "b"}}'.encode()) == [("NOT_TEXT", (1,))]


@pytest.mark.parametrize("value", ['"\\u0000"', '"\\ud800"'])
def test_characters_that_cannot_be_stored_are_refused(value: str) -> None:
    assert faults(f'{{"input": {value}, "output": "b"}}'.encode()) == [("BAD_CHARACTER", (1,))]


@pytest.mark.parametrize("value", ["NaN", "[" * 100_000, "{'input': 1}"])
def test_what_only_looks_like_json_is_refused(value: str) -> None:
    assert faults(f'{{"input": {value}, "output": "b"}}'.encode()) == [("NOT_JSON", (1,))]


@pytest.mark.parametrize("format", ["jsonl", "json", "csv"])
def test_a_row_over_the_limit_is_named_and_the_next_one_read(format: str) -> None:
    long = b"x" * (MAX_ROW_BYTES + 1)
    data = {
        "jsonl": b'{"input": "%s", "output": "b"}\n%s' % (long, LINE),
        "json": b'[{"input": "%s", "output": "b"}, %s]' % (long, LINE),
        "csv": b"input,output\n%s,b\na,b" % long,
    }[format]

    rows, findings, reader = read(data)

    assert [row.number for row in rows] == [2]
    assert [(finding.code, finding.rows) for finding in findings] == [("ROW_TOO_LARGE", (1,))]
    assert reader.row_count == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[]", []),
        (b"[%s,]" % LINE, [("TRAILING_COMMA", ())]),
        (b"[%s,,%s]" % (LINE, LINE), [("NOT_JSON", (2,))]),
        (b"[%s" % LINE, [("ARRAY_NOT_CLOSED", ())]),
        (b"[%s] x" % LINE, [("TRAILING_CONTENT", ())]),
        (b'[%s, {"input": "a' % LINE, [("UNCLOSED_ROW", (2,)), ("ARRAY_NOT_CLOSED", ())]),
        (b'[{"input": "a\n}, %s]' % LINE, [("NOT_JSON", (1,))]),
        (b'[{"input": "]},\\"{[", "output": "b"}, %s]' % LINE, []),
    ],
)
def test_faults_of_a_json_array_have_distinct_codes(data: bytes, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert faults(data) == expected


def test_a_json_object_where_an_array_is_announced_is_named() -> None:
    assert faults(LINE, "json") == [("NOT_AN_ARRAY", ())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_fields_may_hold_delimiters_quotes_and_line_ends(delimiter: str) -> None:
    data = f'output{delimiter}input\r\n"A, B"{delimiter}"he said ""hi"";\ttwice\r\nand left"\r\n'.encode()

    rows, findings, _ = read(data)

    assert rows == [Row(number=1, input='he said "hi";\ttwice\r\nand left', output="A, B")]
    assert findings == []


def test_csv_blank_lines_are_counted_and_the_header_is_not() -> None:
    assert [row.number for row in read(b"input,output\r\na,b\r\n\r\nc,d\r\n")[0]] == [1, 3]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"text,subject\na,b\n", [("MISSING_COLUMN", ())]),
        (b"input,output,output\na,b,c\n", [("REPEATED_COLUMN", ())]),
        (b"input,output,id\na,b,1\n", [("UNKNOWN_KEY", ())]),
        (b"input,output\na,b,c\nd,e\n", [("WRONG_FIELD_COUNT", (1,))]),
        (b"input,output\na\n", [("WRONG_FIELD_COUNT", (1,))]),
        (b'input,output\n"a"x,b\nc,d\n', [("BAD_QUOTES", (1,))]),
        (b'input,output\n"a,b\nc,d\n', [("BAD_QUOTES", (1,))]),
        (b"input,output\n\xe4,b\nc,d\n", [("INVALID_UTF8", (1,))]),
    ],
)
def test_faults_of_csv_have_distinct_codes(data: bytes, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert faults(data) == expected


@pytest.mark.parametrize("data", [b"Input,Output\na,b\n", b'"OUTPUT";Input\nb;a\n', b"Output\tINPUT\nb\ta\n"])
def test_csv_columns_are_found_in_any_case_with_a_remark(data: bytes) -> None:
    rows, findings, _ = read(data)

    assert [(row.input, row.output) for row in rows] == [("a", "b")]
    assert {(finding.code, finding.severity) for finding in findings} == {("COLUMN_CASE", Severity.INFO)}


def test_the_columns_of_the_header_are_listed_as_written() -> None:
    findings = read(b"Text,Output\na,b\n")[1]

    assert [finding.message for finding in findings] == [
        "The header has no column 'input'; its columns are: 'Text', 'Output'."
    ]
    assert findings[0].remedy == "Rename 'Text' to input."


@pytest.mark.parametrize(
    ("head", "remedy"),
    [
        (b"input", "Add a column output: every row needs an input and the output that belongs to it."),
        (b"text,output", "Rename 'text' to input."),
        (b"input;date;label", "Rename the column that holds the outputs to output."),
        (b"text", "Write the output that belongs to each input beside it, and input,output in the first line."),
        (
            b"The lid is missing;Warehouse",
            "If the line names columns, rename two of them to input and output or set them (`input_column`, "
            "`output_column`); if it is a row, add the line input;output before it.",
        ),
        (b"input,input,output", "Remove or rename the other ones."),
    ],
)
def test_the_remedy_for_a_first_line_without_the_columns_depends_on_its_fields(head: bytes, remedy: str) -> None:
    findings = read(head + b"\nThe box is wet\n", "csv")[1]

    assert [finding.remedy for finding in findings] == [remedy]


def test_one_field_is_reported_in_the_singular() -> None:
    assert read(b"input,output\na\n")[1][0].message == "The row has 1 field, but the header has 2."


def test_a_compressed_file_is_reported_as_compressed() -> None:
    assert read(b"\x1f\x8b\x08\x00abc")[1][0].message == "The file is compressed with gzip."


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it() -> None:
    rows, findings, _ = read(b'input,output\n"a,b\nc,d\n"e","f"\ng,h\n')

    assert [(row.number, row.input) for row in rows] == [(2, "c"), (3, "e"), (4, "g")]
    assert [(finding.code, finding.rows) for finding in findings] == [("BAD_QUOTES", (1,))]


def test_jsonl_with_a_broken_first_line_is_still_jsonl() -> None:
    rows, findings, reader = read(b"rows:\n" + LINE)

    assert (reader.format, len(rows), findings[0].code) == ("jsonl", 1, "NOT_JSON")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_csv_whatever_its_texts_begin_with(delimiter: str) -> None:
    lines = ('id,"Input",output', "1,{name} wrote that it is torn,Packaging", '2,"see:', '{""a"": 1}",Service')
    table = "\n".join(line.replace(",", delimiter) for line in lines)

    rows, _, reader = read(table.encode())

    assert reader.format == "csv"
    assert [row.input for row in rows] == ["{name} wrote that it is torn", 'see:\n{"a": 1}']


def test_a_missing_header_is_reported_even_if_a_text_begins_with_a_brace() -> None:
    _, findings, reader = read(b"text,subject\n{name} wrote that the box is torn,Packaging\n")

    assert (reader.format, findings[0].code) == ("csv", "MISSING_COLUMN")


@pytest.mark.parametrize("line", [LINE, LINE.replace(b"{", b"{ "), b"{}\n", b"{'input': 'a', 'output': 'b'}\n"])
def test_objects_behind_a_broken_first_line_make_it_jsonl(line: bytes) -> None:
    assert read(b"input and output:\n" + line)[2].format == "jsonl"


@pytest.mark.parametrize(
    "data", ["héllo".encode("utf-32"), b"ab\x00\x00", b"PK\x03\x04xlsx", b"\x1f\x8b\x08gzip", b"PAR1"]
)
def test_a_file_that_is_no_utf8_text_is_one_finding(data: bytes) -> None:
    rows, findings, _ = read(data + LINE * 100)

    assert rows == []
    assert [finding.code for finding in findings] == ["NOT_UTF8_TEXT"]


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"[ ]", b"input,output"])
def test_an_empty_file_has_no_rows_and_no_faults(data: bytes) -> None:
    rows, findings, reader = read(data)

    assert (rows, findings, reader.row_count) == ([], [], 0)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="jsonl, json, csv"):
        RowReader("xml")


def test_reading_stops_when_a_file_is_nothing_but_faults() -> None:
    rows, findings, reader = read(b"x\n" * 20_000, "jsonl")

    assert rows == []
    assert (len(findings), findings[-1].code, reader.row_count) == (10_001, "TOO_MANY_FAULTS", 10_000)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b" \t\n"])
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("head", "row"), [(b"", LINE), (b"input,output\n", b"a,b")])
def test_many_blank_lines_count_however_the_file_is_cut(head: bytes, row: bytes, size: int, end: bytes) -> None:
    data = head + row + end + 30 * end + row + end
    reader = RowReader("csv" if head else "jsonl")
    items = [item for start in range(0, len(data), size) for item in reader.feed(data[start : start + size])]

    assert [item.number for item in [*items, *reader.finish()] if isinstance(item, Row)] == [1, 32]


LARGE_OBJECT = b"{" + b"".join(b'"k%d":1,' % key for key in range(80_000)) + LINE[1:] + b"\n"


@pytest.mark.parametrize(
    ("format", "head", "rest"),
    [
        ("csv", b"x" * (MAX_ROW_BYTES - 6000), [b"x"] * 3000),
        ("csv", b"input,output\n", [b"\n" * 1_000_000] * 4),
        ("jsonl", b"", [b" \n" * 500_000] * 4),
        ("jsonl", b"", [LARGE_OBJECT]),
    ],
    ids=["a header byte by byte", "blank lines of CSV", "blank lines of JSONL", "unknown keys"],
)
def test_no_file_takes_much_more_time_than_its_size(format: str, head: bytes, rest: list[bytes]) -> None:
    def read_file() -> int:
        reader = RowReader(format)
        return sum(1 for chunk in [head, *rest] for _ in reader.feed(chunk))

    assert read_file() <= 22
    assert least_seconds(read_file) < 50 * least_seconds(lambda: json.loads(LARGE_OBJECT))


def least_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of some work: the least of three, as other processes and collections only add to it."""
    seconds = []
    for _ in range(3):
        begin = time.thread_time()
        work()
        seconds.append(time.thread_time() - begin)
    return min(seconds)


def test_unknown_keys_beyond_the_first_twenty_are_counted() -> None:
    keys = b",".join(b'"k%d":1' % key for key in range(50))
    columns = b",".join(b"k%d" % key for key in range(50))

    in_json = read(b"{" + keys + b"," + LINE[1:])[1]
    in_csv = read(b"input,output," + columns + b"\n")[1]

    assert [finding.code for finding in in_json] == ["UNKNOWN_KEY"] * 21
    assert in_json[-1].message == "30 more keys are unknown and are ignored."
    assert [finding.code for finding in in_csv] == ["UNKNOWN_KEY"] * 21
    assert in_csv[-1].message == "30 more columns are unknown and are ignored."


def test_a_quoted_header_that_is_not_closed_is_named_when_the_file_ends() -> None:
    [finding] = read(b'"input,output', "csv")[1]

    assert (finding.code, finding.message) == ("BAD_QUOTES", "A quote is opened but never closed.")
