from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from foreword.data.rows import write_rows
from foreword.domain.dataset import Dataset, Row
from foreword.errors import InvalidArgumentError
from foreword.server.uploads.row_pages import read_page
from foreword.storage.lists.page_tokens import PageTokens

CONTENT = write_rows([Row(number=number, input=f"in {number}", output="x") for number in range(1, 4)])
TOKENS = PageTokens(bytes(32))
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


def test_pages_add_up_to_the_rows():
    numbers, page_token = [], ""
    for _ in range(3):
        page = read_page(io.BytesIO(CONTENT), DATASET, 1, page_token, TOKENS)
        numbers += [row.number for row in page.items]
        page_token = page.next_page_token

    assert (numbers, page_token) == ([1, 2, 3], "")


def test_a_token_of_another_dataset_is_refused():
    page = read_page(io.BytesIO(CONTENT), replace(DATASET, id="other"), 1, "", TOKENS)

    with pytest.raises(InvalidArgumentError, match="page_token"):
        read_page(io.BytesIO(CONTENT), DATASET, 1, page.next_page_token, TOKENS)
