"""Training files of OpenAI as rows of the service."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from foreword.http.openai.tuning.training_rows import convert_rows


def converted(content: bytes) -> bytes:
    target = BytesIO()
    convert_rows(BytesIO(content), target)
    return target.getvalue()


def test_a_file_in_another_alphabet_does_not_outgrow_its_limit():
    row = {"prompt": "\u0436" * 500, "completion": "\u0434\u0430"}
    content = json.dumps(row, ensure_ascii=False).encode() + b"\n"

    assert json.loads(converted(content)) == {"input": row["prompt"], "output": row["completion"]}
    assert len(converted(content)) <= len(content)


def test_half_of_a_surrogate_pair_is_left_for_the_service_to_report():
    assert json.loads(converted(b'{"prompt": "\\ud800", "completion": "b"}\n')) == {"input": "\ud800", "output": "b"}


def test_a_row_of_escapes_is_read_up_to_the_service_s_limit_of_a_row():
    row = json.dumps({"prompt": "\u0436" * 500_000, "completion": "b"}).encode()

    assert len(row) > 2 * len(converted(row)) > 2_000_000


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b'{"prompt": "' + b"a" * 4_000_000 + b'"}', "at most 3,211,264 bytes"),
        (b'{"prompt": [' + b"[]," * 130_000 + b"1]}", "at most 250,000 brackets"),
    ],
    ids=["long", "nested"],
)
def test_a_row_that_would_take_much_memory_is_refused_before_it_is_parsed(row: bytes, problem: str):
    good = b'{"prompt": "a", "completion": "b"}\n'
    target = BytesIO()

    faults = convert_rows(BytesIO(good + row + b"\n" + good + b"{}\n{"), target)

    assert faults.number == 2
    assert f"row 2: must {problem}" in faults.error().message.replace("hold ", "").replace("have ", "")
    assert "row 5: is not valid JSON." in faults.error().message
    assert target.getvalue().count(b"\n") == 5
