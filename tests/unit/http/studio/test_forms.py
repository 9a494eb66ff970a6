"""Forms of pages: how they are read, and what they hold."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from foreword.http.bodies import SMALL_BYTES
from foreword.http.budgets import Budget, bodies_busy
from foreword.http.errors import RequestError
from foreword.http.studio.forms import read_form


def sent(body: bytes, budget: Budget) -> Request:
    """Return a request with a form."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    app = SimpleNamespace(state=SimpleNamespace(bodies=budget))
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    request = Request({"type": "http", "method": "POST", "headers": headers, "app": app}, receive)
    request.state.until_answered = ExitStack()
    return request


@pytest.mark.parametrize("length", [10, SMALL_BYTES])
async def test_a_form_has_what_was_typed_whatever_its_length(length: int) -> None:
    form = await read_form(sent(b"text=%C3%A9%0D%0A" + b"x" * length, Budget(2**20, bodies_busy)))

    assert form["text"] == "é\n" + "x" * length


async def test_large_forms_hold_memory_together_until_they_are_answered() -> None:
    budget = Budget(500_000, bodies_busy)
    large, small = b"text=" + b"x" * 100_000, b"text=" + b"x" * 1_000
    first = sent(large, budget)
    await read_form(first)

    with pytest.raises(RequestError) as refused:
        await read_form(sent(large, budget))
    assert refused.value.reason == "BODIES_BUSY"
    assert (await read_form(sent(small, budget)))["text"] == "x" * 1_000

    first.state.until_answered.close()
    await read_form(sent(large, budget))
