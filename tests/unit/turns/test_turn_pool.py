"""Threads that take turns between tenants."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest
import structlog

from foreword.errors import CancelledError, ExhaustedError, UnavailableError
from foreword.turns.cancellation import check_cancelled
from foreword.turns.turn_pool import TurnPool


@pytest.fixture
async def pool() -> AsyncIterator[TurnPool]:
    pool = TurnPool("turns", threads=2, max_waiting=20)
    yield pool
    pool.close()


class Busy:
    """Work that lasts until it is released."""

    def __init__(self) -> None:
        self.entered, self.released = threading.Event(), threading.Event()

    def __call__(self) -> bool:
        self.entered.set()
        return self.released.wait(10)


async def until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the state was not reached")


async def test_a_call_returns_what_the_function_returns_or_raises(pool: TurnPool):
    assert await pool.run("acme", 0.1, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.run("acme", 0.1, divmod, 7, 0)


async def test_a_call_logs_under_the_request_of_its_caller(pool: TurnPool):
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logged = await pool.run("acme", 0.1, structlog.contextvars.get_contextvars)
    assert logged["request_id"] == "r-1"


async def test_calls_run_in_threads_of_the_pool(pool: TurnPool):
    thread = await pool.run("acme", 0.1, threading.current_thread)
    assert thread.name.startswith("turns")


async def test_a_tenant_that_floods_the_pool_delays_no_other_tenant(pool: TurnPool):
    busy = Busy()
    flood = [asyncio.create_task(pool.run("flood", 1.0, busy)) for _ in range(10)]
    await until(busy.entered.is_set)

    assert await asyncio.wait_for(pool.run("victim", 1.0, int, "7"), 10) == 7
    await until(lambda: pool.running == 1)
    busy.released.set()
    assert await asyncio.gather(*flood) == [True] * 10


async def test_a_call_whose_caller_goes_while_it_waits_never_starts(pool: TurnPool):
    busy, started = Busy(), []
    first = asyncio.create_task(pool.run("acme", 1.0, busy))
    waiting = asyncio.create_task(pool.run("acme", 1.0, started.append, "waiting"))
    await until(lambda: pool.waiting == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.waiting == 0
    busy.released.set()
    assert await first
    assert started == []


async def test_a_call_whose_caller_goes_while_it_runs_ends_at_its_next_check(pool: TurnPool):
    entered, ended = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        try:
            while True:
                check_cancelled()
                time.sleep(0.001)
        except CancelledError:
            ended.set()
            raise

    task = asyncio.create_task(pool.run("acme", 1.0, work))
    await until(entered.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(ended.is_set)
    await until(lambda: pool.running == 0)


async def test_a_thread_counts_as_used_until_abandoned_work_has_ended(pool: TurnPool):
    busy = Busy()
    task = asyncio.create_task(pool.run("acme", 1.0, busy))
    await until(busy.entered.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.running == 1
    busy.released.set()
    await until(lambda: pool.running == 0)


async def test_a_tenant_with_too_many_waiting_calls_is_refused_and_others_are_not(pool: TurnPool):
    busy = Busy()
    flood = [asyncio.create_task(pool.run("flood", 1.0, busy)) for _ in range(21)]
    await until(busy.entered.is_set)
    with pytest.raises(ExhaustedError):
        await pool.run("flood", 1.0, busy)
    assert await pool.run("victim", 1.0, int, "7") == 7
    busy.released.set()
    await asyncio.gather(*flood)


async def test_closing_fails_waiting_calls_and_cancels_running_ones(pool: TurnPool):
    entered = threading.Event()

    def work() -> None:
        entered.set()
        while True:
            check_cancelled()
            time.sleep(0.001)

    running = asyncio.create_task(pool.run("acme", 1.0, work))
    waiting = asyncio.create_task(pool.run("acme", 1.0, work))
    await until(entered.is_set)
    pool.close()
    with pytest.raises(CancelledError):
        await running
    with pytest.raises(UnavailableError):
        await waiting
    with pytest.raises(UnavailableError):
        await pool.run("acme", 1.0, work)


async def test_a_tenant_pays_the_measured_time_of_its_calls():
    pool = TurnPool("turns", threads=1, clock=time.monotonic)
    order: list[str] = []
    busy = Busy()

    def work(tenant: str, seconds: float) -> None:
        order.append(tenant)
        time.sleep(seconds)

    calls = [asyncio.create_task(pool.run("first", 1.0, busy))]
    await until(busy.entered.is_set)
    for _ in range(4):
        calls.append(asyncio.create_task(pool.run("hasty", 0.0, work, "hasty", 0.1)))
        calls.append(asyncio.create_task(pool.run("honest", 0.01, work, "honest", 0.01)))
    await until(lambda: pool.waiting == 8)
    busy.released.set()
    await asyncio.gather(*calls)
    pool.close()
    assert order[:6] == ["hasty", "honest", "honest", "honest", "honest", "hasty"]


async def test_calls_from_several_event_loops_share_the_threads(pool: TurnPool):
    def other_loop() -> int:
        return asyncio.run(pool.run("acme", 0.1, int, "7"))

    assert await asyncio.to_thread(other_loop) == 7
    assert await pool.run("acme", 0.1, int, "8") == 8
