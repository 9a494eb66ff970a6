"""Pages of the rows of a stored dataset, each read from the end of the previous page."""

from __future__ import annotations

from typing import BinaryIO

from foreword.data.rows import read_rows
from foreword.domain.dataset import Dataset, Row
from foreword.storage.lists.page_tokens import PageTokens
from foreword.storage.lists.pages import Page, Take, take_any


def read_page(
    file: BinaryIO,
    dataset: Dataset,
    page_size: int,
    page_token: str,
    tokens: PageTokens,
    take: Take[Row] = take_any,
) -> Page[Row]:
    """Return the rows of a page in order.

    Args:
        file: The stored rows, one per line, seekable.
        page_size: Maximum number of rows.
        take: Called with each row; the page ends before the first one that it refuses.

    Raises:
        InvalidArgumentError: The token does not belong to this dataset.
    """
    scope = (dataset.tenant, "datasets", dataset.id, "rows")
    offset, number = tokens.open(scope, page_token) if page_token else (0, 1)
    file.seek(offset)
    rows: list[Row] = []
    end = offset
    while len(rows) < page_size and (line := file.readline()):
        (row,) = read_rows([line], number + len(rows))
        if not take(row):
            break
        rows.append(row)
        end += len(line)
    token = "" if end >= dataset.byte_size else tokens.seal(scope, (end, number + len(rows)))
    return Page(tuple(rows), token)
