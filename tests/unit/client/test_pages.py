"""How lists are read in pages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from foreword.client._async.service import ServiceMethods


class Numbers(ServiceMethods):
    """A client of a service that lists the numbers from 0 to 119."""

    def __init__(self) -> None:
        self.page_sizes: list[int] = []

    async def _call(self, method: Any, request: Any, references: Any, **_: Any) -> Any:
        self.page_sizes.append(request.page_size)
        first = int(request.page_token or 0)
        numbers = list(range(first, min(120, first + request.page_size)))
        return SimpleNamespace(numbers=numbers, next_page_token=str(numbers[-1] + 1) if numbers[-1] < 119 else "")


@pytest.mark.parametrize(
    ("limit", "page_sizes"), [(None, [1000]), (0, []), (50, [50]), (119, [119]), (120, [120]), (500, [500])]
)
async def test_no_page_is_asked_for_behind_the_last_item_that_is_needed(
    limit: int | None, page_sizes: list[int]
) -> None:
    client = Numbers()
    request = SimpleNamespace(page_size=0, page_token="")

    found = await client._pages(None, request, lambda page: page.numbers, lambda number: number, limit)

    assert found == list(range(120 if limit is None else min(limit, 120)))
    assert client.page_sizes == page_sizes
