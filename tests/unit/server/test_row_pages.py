from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from foreword.data.rows import write_rows
from foreword.domain.dataset import Dataset, Row
from foreword.errors import InvalidArgumentError
from foreword.server.row_pages import read_page

CONTENT = write_rows([Row(number=number, input=f"in {number}", output="x") for number in range(1, 4)])
SECOND = CONTENT.index(b"\n") + 1
DATASET = Dataset(
    tenant="acme",
    id="d",
    display_name="complaints",
    description="",
    version=1,
    artifact="a",
    content_sha256="ab" * 32,
    blocks_sha256="",
    row_count=3,
    byte_size=len(CONTENT),
    report=None,
    creator="",
    create_time=datetime(2026, 1, 31, tzinfo=UTC),
)


def token(offset: object, number: object) -> str:
    return base64.urlsafe_b64encode(json.dumps([DATASET.content_sha256[:16], offset, number]).encode()).decode()


def test_pages_add_up_to_the_rows():
    numbers, page_token = [], ""
    for _ in range(3):
        page = read_page(io.BytesIO(CONTENT), DATASET, 1, page_token)
        numbers += [row.number for row in page.items]
        page_token = page.next_page_token

    assert (numbers, page_token) == ([1, 2, 3], "")


@pytest.mark.parametrize(
    ("offset", "number"),
    [
        (5, 2),
        (SECOND - 1, 2),
        (len(CONTENT) - 1, 3),
        (len(CONTENT), 3),
        (SECOND, 4),
        (SECOND, 2**70),
        (SECOND, 1),
        (-1, 2),
        (True, 2),
        (2**70, 2),
    ],
)
def test_a_token_that_no_page_gave_is_refused(offset: object, number: object):
    with pytest.raises(InvalidArgumentError, match="page_token"):
        read_page(io.BytesIO(CONTENT), DATASET, 1, token(offset, number))


def test_a_token_of_other_content_is_refused():
    page = read_page(io.BytesIO(CONTENT), replace(DATASET, content_sha256="cd" * 32), 1, "")

    with pytest.raises(InvalidArgumentError, match="page_token"):
        read_page(io.BytesIO(CONTENT), DATASET, 1, page.next_page_token)
