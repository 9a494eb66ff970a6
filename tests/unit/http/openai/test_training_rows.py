"""Training files of OpenAI as rows of the service."""

from __future__ import annotations

import json
from io import BytesIO

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
