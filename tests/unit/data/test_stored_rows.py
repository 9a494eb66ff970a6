"""The stored form of rows."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.data.rows import read_rows, write_row, write_rows
from foreword.domain.dataset import Row
from foreword.errors import ArtifactError

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(texts, texts)))
def test_rows_are_read_back_and_numbered_from_one(pairs: list[tuple[str, str]]) -> None:
    rows = tuple(Row(number=number, input=pair[0], output=pair[1]) for number, pair in enumerate(pairs, 1))

    assert tuple(read_rows(io.BytesIO(write_rows(rows)))) == rows


@given(st.lists(st.tuples(st.integers(1, 3), texts, st.sampled_from(["", '{"id": 1.50}', '{"ä\\n": "}"}']))))
def test_rows_keep_their_numbers_in_a_file_with_blank_lines_and_their_other_fields(found: list) -> None:
    gaps = itertools.accumulate(gap for gap, _, _ in found)
    rows = tuple(
        Row(number=number, input=text, output="", fields=fields)
        for number, (_, text, fields) in zip(gaps, found, strict=True)
    )

    assert tuple(read_rows(io.BytesIO(write_rows(rows)))) == rows


def test_the_stored_form_is_one_object_per_line() -> None:
    row = Row(number=7, input="ä\n", output="b")

    assert write_row(row) == '{"input": "ä\\n", "output": "b"}\n'.encode()
    assert write_rows([row]) == '{"input": "ä\\n", "output": "b", "row": 7}\n'.encode()


@pytest.mark.parametrize("data", [b"x\n", b"[]\n", b'{"input": "a"}\n', b"1\n", b"\xff\n"])
def test_a_corrupt_stored_form_is_an_artifact_error(data: bytes) -> None:
    with pytest.raises(ArtifactError, match="Row 1"):
        list(read_rows([data]))
