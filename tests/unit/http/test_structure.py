"""The structure of JSON that is counted before it is parsed."""

from __future__ import annotations

import json

import pytest

from foreword.http.structure import MAX_MARKS, has_too_many_marks


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"[]," * MAX_MARKS,
        b'{"a": [' + b'"\\"",' * (MAX_MARKS + 1) + b"]}",
        b"[" + b'"\\\\",' * (MAX_MARKS + 1) + b"]",
        b'"' * (4 * MAX_MARKS) + b":" * (MAX_MARKS + 1),
        b"{" + b",".join(b'"%d":1' % number for number in range(MAX_MARKS)) + b"}",
    ],
    ids=["lists", "escaped-quotes", "escaped-backslashes", "quotes", "keys"],
)
def test_many_brackets_commas_and_colons_are_too_many(content: bytes):
    assert has_too_many_marks(content)


@pytest.mark.parametrize("text", ["[{,:", '"[,', "\\[,", '\\"{:', "\n,"])
def test_those_within_texts_do_not_count(text: str):
    content = json.dumps({"messages": [{"role": "user", "content": text * MAX_MARKS}]}).encode()

    assert not has_too_many_marks(content)
    assert has_too_many_marks(content + b"," * MAX_MARKS)
