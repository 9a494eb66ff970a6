"""The other fields of unlabelled rows: what is kept, what is left out, and what says so."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.client.other_fields import apart, read_fields
from foreword.data.columns import UNLABELLED_COLUMNS, Columns
from foreword.data.csv_header import Header
from foreword.data.other_fields import MAX_OTHER_BYTES
from foreword.data.reader import RowReader
from foreword.data.record import MAX_NAMED_KEYS
from foreword.domain.dataset import Row
from foreword.domain.report import Finding

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
names = texts.filter(lambda name: name != "input")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def read(data: bytes, format: str = "") -> tuple[list[Row], list[Finding]]:
    reader = RowReader(format, UNLABELLED_COLUMNS)
    items = [*reader.feed(data), *reader.finish()]
    return [item for item in items if isinstance(item, Row)], [item for item in items if isinstance(item, Finding)]


@given(st.dictionaries(names, values, max_size=5))
def test_fields_of_json_are_kept_as_they_are(fields: dict[str, Any]) -> None:
    ((row,), findings) = read(json.dumps({**fields, "input": "a"}).encode(), "jsonl")

    assert read_fields(row.fields) == fields
    assert (row.input, row.output, findings) == ("a", "", [])


def test_numbers_stay_as_they_were_written() -> None:
    ((row,), _) = read(b'{"id": 12345678901234567890, "price": 1.50, "input": "a", "far": 1e999}')

    assert row.fields == '{"id": 12345678901234567890, "price": 1.50, "far": 1e999}'
    assert read_fields(row.fields) == {"id": 12345678901234567890, "price": 1.5, "far": "1e999"}


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_columns_of_csv_are_kept_as_texts(cells: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
        [("ticket", "input", "note"), *((first, "a", second) for first, second in cells)]
    )

    rows, findings = read(file.getvalue().encode(), "csv")

    assert [read_fields(row.fields) for row in rows] == [{"ticket": first, "note": second} for first, second in cells]
    assert findings == []


def test_a_column_that_occurs_twice_is_kept_twice() -> None:
    ((row,), _) = read(b"id,input,id,id_2\n1,a,2,3\n")

    assert read_fields(row.fields) == {"id": "1", "id_3": "2", "id_2": "3"}


@pytest.mark.parametrize("columns", [("input", "output"), UNLABELLED_COLUMNS])
def test_a_header_of_very_many_columns_is_read_quickly(columns: tuple[str, ...]) -> None:
    looked_for = Columns(required=columns, keep_others=len(columns) == 1)
    header = Header((*(f"column {number}" for number in range(150_000)), *columns), ",", looked_for)

    assert len(header.distinct_names()) == 150_000 + len(columns)
    assert not list(header.faults())
    assert len(list(header.remarks())) == (MAX_NAMED_KEYS + 1 if "output" in columns else 0)


@pytest.mark.parametrize(
    "content",
    [
        b'{"id": 1.50, "input": "a", "output": "b"}\n',
        b"id,input,output\n1.50,a,b\n",
        b'[{"input": "a", "output": "b", "id": 1.50}]',
    ],
)
def test_rows_with_outputs_keep_them_if_asked(content: bytes) -> None:
    reader = RowReader(keep_others=True)
    (row,) = [*reader.feed(content), *reader.finish()]

    assert isinstance(row, Row)
    assert (row.input, row.output) == ("a", "b")
    assert row.fields in ('{"id": 1.50}', '{"id": "1.50"}')


def test_what_does_not_fit_is_left_out_and_named() -> None:
    deep = "[" * 20 + "]" * 20
    line = f'{{"page": "{"x" * MAX_OTHER_BYTES}", "deep": {deep}, "input": "a", "ticket": 7}}\n'

    rows, findings = read(line.encode() * 2)

    assert [row.fields for row in rows] == ['{"ticket": 7}'] * 2
    assert {(finding.code, finding.excerpt) for finding in findings} == {
        ("FIELD_LEFT_OUT", "page"),
        ("FIELD_LEFT_OUT", "deep"),
    }


def test_the_fields_of_any_row_have_a_bounded_size() -> None:
    fields = {f"field {number}": "\x01" * 50 for number in range(1000)}

    ((row,), findings) = read(json.dumps({**fields, "input": "a"}).encode())

    assert MAX_OTHER_BYTES - 500 < len(row.fields.encode()) <= MAX_OTHER_BYTES
    assert len(findings) == MAX_NAMED_KEYS + 1


def test_texts_that_utf8_does_not_have_and_very_long_numbers_can_be_read_by_everybody() -> None:
    ((row,), _) = read(b'{"half": "\\ud800", "long": ' + b"9" * 5000 + b', "input": "a"}')

    assert read_fields(row.fields) == {"half": "?", "long": "9" * 5000}


def test_a_field_with_the_name_of_a_result_gets_another_one() -> None:
    assert apart({"row": 1, "id": 2, "input_row": 3}, ("row", "answer")) == {
        "input_input_row": 1,
        "id": 2,
        "input_row": 3,
    }
