"""Pages of the rows of a stored dataset, each read from the end of the previous page."""

from __future__ import annotations

from typing import BinaryIO, Final

from foreword.data.rows import number_of, read_rows
from foreword.domain.dataset import Dataset, Row
from foreword.storage.lists.page_tokens import PageTokens
from foreword.storage.lists.pages import Page, Take, take_any
from foreword.turns.cancellation import check_cancelled

_BLOCK_BYTES: Final = 256 * 2**10


def read_page(
    file: BinaryIO,
    dataset: Dataset,
    page_size: int,
    page_token: str,
    tokens: PageTokens,
    take: Take[Row] = take_any,
    *,
    after_row: int = 0,
) -> Page[Row]:
    """Return the rows of a page in order.

    Args:
        file: The stored rows, one per line, seekable.
        page_size: Maximum number of rows.
        take: Called with each row; the page ends before the first one that it refuses.
        after_row: Only rows after this one, if there is no token.

    Raises:
        InvalidArgumentError: The token does not belong to this dataset.
    """
    scope = (dataset.tenant, "datasets", dataset.id, "rows")
    offset, number = tokens.open(scope, page_token) if page_token else (0, 1)
    if not page_token:
        offset, number = _begin_after(file, after_row)
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


def _begin_after(file: BinaryIO, after_row: int) -> tuple[int, int]:
    """Return the offset and the number of the first line whose row comes after another one.

    Rows have increasing numbers, which are at least those of their lines. So a block of lines is left out unread if the
    row of its last line does not come after `after_row` either.
    """
    offset, number, rest = 0, 1, b""
    file.seek(0)
    while number <= after_row and (block := file.read(max(_BLOCK_BYTES, len(rest)))):
        check_cancelled()
        block = rest + block
        end = block.rfind(b"\n") + 1
        whole, rest = block[:end], block[end:]
        lines = whole.count(b"\n")
        last = whole[whole.rfind(b"\n", 0, end - 1) + 1 :]
        if not lines or number_of(last, number + lines - 1) <= after_row:
            offset, number = offset + end, number + lines
            continue
        for line in whole.splitlines(keepends=True):
            if number_of(line, number) > after_row:
                break
            offset, number = offset + len(line), number + 1
        break
    return offset, number
