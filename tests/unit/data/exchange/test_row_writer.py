"""Files of rows that are written are read as the same rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.data.exchange.row_writer import WRITTEN, other_names, whole_file, write_row_file
from foreword.data.other_fields import other_fields
from foreword.data.reader import RowReader
from foreword.domain.dataset import Row

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
OTHERS = st.dictionaries(TEXT.filter(lambda name: name.strip().lower() not in ("input", "output")), TEXT, max_size=2)


def read(path):
    reader = RowReader(keep_others=True)
    items = [*reader.feed(path.read_bytes()), *reader.finish()]
    assert all(isinstance(item, Row) for item in items), items
    return items


@pytest.mark.parametrize("extension", WRITTEN)
@given(texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_any_texts_are_read_as_they_were_written(tmp_path_factory, extension, texts):
    path = tmp_path_factory.getbasetemp() / f"texts{extension}"
    rows = [Row(number=place, input=input, output=output) for place, (input, output) in enumerate(texts, 1)]

    assert write_row_file(path, rows).row_count == len(rows)

    assert read(path) == rows


@given(fields=OTHERS)
def test_other_fields_are_read_as_they_were_written(tmp_path_factory, fields):
    path = tmp_path_factory.getbasetemp() / "fields.jsonl"
    rows = [Row(number=1, input="a", output="b", fields=other_fields(fields)[0])]

    write_row_file(path, rows)

    assert read(path) == rows


def test_csv_has_a_column_for_each_other_field(tmp_path):
    path = tmp_path / "rows.csv"
    rows = [
        Row(number=1, input="a", output="x", fields='{"id": 1.50, "tags": ["t", 2]}'),
        Row(number=2, input="b", output="y", fields='{"note": null, "id": "7"}'),
        Row(number=3, input="c", output="z"),
    ]

    write_row_file(path, rows, other_names(rows))

    assert path.read_bytes().decode().split("\r\n") == [
        "input,output,id,tags,note",
        'a,x,1.50,"[""t"", ""2""]",',
        "b,y,7,,",
        "c,z,,,",
        "",
    ]


def test_a_file_that_is_not_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("old")

    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(f"half {1 / 0}")

    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("rows.jsonl", "old")]
