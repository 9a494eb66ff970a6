"""Pages of the rows of a stored dataset, each read from the end of the previous page."""

from __future__ import annotations

import base64
import binascii
import json
from typing import BinaryIO

from foreword.data.rows import read_rows
from foreword.domain.dataset import Dataset, Row
from foreword.errors import InvalidArgumentError
from foreword.storage.pages import Page, Take, take_any


def read_page(
    file: BinaryIO, dataset: Dataset, page_size: int, page_token: str, take: Take[Row] = take_any
) -> Page[Row]:
    """Return the rows of a page in order.

    Args:
        file: The stored rows, one per line, seekable.
        page_size: Maximum number of rows.
        take: Called with each row; the page ends before the first one that it refuses.

    Raises:
        InvalidArgumentError: The token does not belong to this dataset.
    """
    offset, number = _parse_token(page_token, dataset)
    if offset:
        file.seek(offset - 1)
        if file.read(1) != b"\n":
            raise _foreign_token()
    rows: list[Row] = []
    end = offset
    while len(rows) < page_size and (line := file.readline()):
        (row,) = read_rows([line], number + len(rows))
        if not take(row):
            break
        rows.append(row)
        end += len(line)
    return Page(tuple(rows), "" if end >= dataset.byte_size else _token(dataset, end, number + len(rows)))


def _token(dataset: Dataset, offset: int, number: int) -> str:
    """Return a page token: the hash of the content, and the byte offset and number of the next row."""
    return base64.urlsafe_b64encode(json.dumps([dataset.content_sha256[:16], offset, number]).encode()).decode()


def _parse_token(token: str, dataset: Dataset) -> tuple[int, int]:
    if not token:
        return 0, 1
    try:
        content, offset, number = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        content = offset = number = None
    valid = type(offset) is int and type(number) is int
    if content != dataset.content_sha256[:16] or not valid:
        raise _foreign_token()
    if not (0 < offset < dataset.byte_size and 1 < number <= dataset.row_count):
        raise _foreign_token()
    return offset, number


def _foreign_token() -> InvalidArgumentError:
    return InvalidArgumentError.of(
        "page_token", "does not belong to this list; pass next_page_token of the previous page"
    )
