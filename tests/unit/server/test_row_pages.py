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


@pytest.mark.parametrize(("after_row", "expected"), [(0, [1, 2]), (1, [2, 3]), (2, [3]), (3, []), (10**12, [])])
def test_a_page_can_begin_after_a_row(after_row: int, expected: list[int]):
    page = read_page(io.BytesIO(CONTENT), DATASET, 2, "", TOKENS, after_row=after_row)

    assert [row.number for row in page.items] == expected
    assert bool(page.next_page_token) == (expected == [1, 2])


def test_pages_go_on_after_one_that_began_in_the_middle():
    first = read_page(io.BytesIO(CONTENT), DATASET, 1, "", TOKENS, after_row=1)
    second = read_page(io.BytesIO(CONTENT), DATASET, 1, first.next_page_token, TOKENS)

    assert [row.number for row in (*first.items, *second.items)] == [2, 3]


def test_a_page_begins_after_a_row_of_the_file_in_which_blank_lines_count():
    rows = [Row(number=number, input=f'", "row": {number}', output='"row": 9}') for number in (1, 4, 5, 9)]
    content = write_rows(rows)
    dataset = replace(DATASET, byte_size=len(content), row_count=len(rows))

    for after_row in range(11):
        page = read_page(io.BytesIO(content), dataset, 10, "", TOKENS, after_row=after_row)
        assert page.items == tuple(row for row in rows if row.number > after_row)


@pytest.mark.parametrize("block_bytes", [1, 7, 40, 100, 1000])
def test_a_page_begins_after_a_row_whatever_the_blocks_are(monkeypatch: pytest.MonkeyPatch, block_bytes: int):
    monkeypatch.setattr("foreword.server.uploads.row_pages._BLOCK_BYTES", block_bytes)
    numbers = [*range(1, 20), *range(25, 40), 90, 91]
    rows = [Row(number=number, input="\u2028\x0b" * (number % 5), output="x") for number in numbers]
    content = write_rows(rows)
    dataset = replace(DATASET, byte_size=len(content), row_count=len(rows))

    for after_row in range(95):
        page = read_page(io.BytesIO(content), dataset, 3, "", TOKENS, after_row=after_row)
        assert page.items == tuple(row for row in rows if row.number > after_row)[:3]
