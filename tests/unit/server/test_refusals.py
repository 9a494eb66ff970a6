from __future__ import annotations

import time

import pytest

from foreword.errors import ExhaustedError, NotFoundError
from foreword.server.callers.refusals import SlowRefusals
from foreword.server.calls.call_record import CallRecord
from foreword.server.calls.interceptors import Call


class Context:
    """The part of a gRPC context that the layer reads."""

    def __init__(self, remaining_seconds: float | None) -> None:
        self._remaining_seconds = remaining_seconds

    def time_remaining(self) -> float | None:
        return self._remaining_seconds


async def refuse(layer: SlowRefusals, tenant: str, error: Exception, remaining_seconds: float | None = None) -> float:
    """Return the seconds that a call takes which ends with an error."""
    call = Call(
        method="/foreword.v1.X/Y",
        metadata={},
        context=Context(remaining_seconds),  # type: ignore[arg-type]
        record=CallRecord(tenant=tenant),
    )
    begin = time.monotonic()
    with pytest.raises(type(error)):
        async with layer.layer(call):
            raise error
    return time.monotonic() - begin


@pytest.fixture
def layer() -> SlowRefusals:
    return SlowRefusals(clock=lambda: 0.0)


async def test_the_first_refusals_of_a_tenant_are_sent_at_once_and_later_ones_after_a_pause(layer: SlowRefusals):
    full = ExhaustedError("The queue is full. Try again later.")
    assert max([await refuse(layer, "flood", full) for _ in range(20)]) < 0.4
    assert await refuse(layer, "flood", full) >= 0.5
    assert await refuse(layer, "victim", full) < 0.4


async def test_a_pause_leaves_time_for_the_error_to_arrive(layer: SlowRefusals):
    full = ExhaustedError("The queue is full. Try again later.")
    for _ in range(20):
        await refuse(layer, "flood", full)
    assert 0.1 <= await refuse(layer, "flood", full, remaining_seconds=0.2) < 0.2


async def test_other_errors_are_sent_at_once(layer: SlowRefusals):
    assert sum([await refuse(layer, "acme", NotFoundError.of("x")) for _ in range(30)]) < 0.4
