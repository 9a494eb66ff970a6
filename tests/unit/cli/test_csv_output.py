"""CSV for spreadsheets: what would run as a formula, and what stays exact."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.cli.csv_output import CsvOutput


def written(*values: object, escape_formulas: bool = True) -> list[str]:
    file = io.StringIO(newline="")
    CsvOutput(file, escape_formulas=escape_formulas).write(values)
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    return row


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "+49 30 1234"]
)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert written(text) == [f"'{text}"]
    assert written(text, escape_formulas=False) == [text]


@pytest.mark.parametrize("text", ["-5", "+3.25", "-1,000.5", "-1e-3", "It is -5", " =1", "", "'quoted'"])
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert written(text) == [text]


def test_other_values_are_numbers_or_json() -> None:
    assert written(-0.5, 7, True, ["a"], {"b": None}, None) == ["-0.5", "7", "true", '["a"]', '{"b": null}', ""]


@given(st.text(st.sampled_from("'=+-@5a\t\n ")) | st.text(st.characters(exclude_categories=["Cs"])))
def test_the_original_is_what_follows_one_apostrophe(text: str) -> None:
    (cell,) = written(text)
    number = re.fullmatch(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?", cell)

    assert cell in (text, f"'{text}")
    assert number or not re.match(r"[=+\-@\t\r\n]", cell)
    back = cell[1:] if re.match(r"'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", cell) else cell
    assert back == text
