"""Threads that take turns between tenants."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest
import structlog

from foreword.errors import CancelledError, ExhaustedError, UnavailableError
from foreword.turns.cancellation import check_cancelled, give_way
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


class Long:
    """Work that goes on until it is told to end, and gives way again and again."""

    def __init__(self, seconds_per_step: float = 0.002) -> None:
        self.entered, self.ended, self.stop = threading.Event(), threading.Event(), threading.Event()
        self._seconds_per_step = seconds_per_step

    def __call__(self) -> None:
        self.entered.set()
        try:
            while not self.stop.is_set():
                time.sleep(self._seconds_per_step)
                give_way()
        finally:
            self.ended.set()


@pytest.fixture
async def single() -> AsyncIterator[TurnPool]:
    """A pool with a single thread, which charges for real time."""
    pool = TurnPool("turns", threads=1, max_waiting=100, clock=time.monotonic)
    yield pool
    pool.close()


async def test_long_work_gives_way_to_the_calls_of_other_tenants_and_then_goes_on(single: TurnPool):
    long = Long()
    first = asyncio.create_task(single.run("long", 0.001, long))
    await until(long.entered.is_set)

    for number in range(10):
        assert await asyncio.wait_for(single.run("short", 0.001, int, str(number)), 10) == number

    assert not long.ended.is_set()
    long.stop.set()
    await first


async def test_long_works_of_several_tenants_take_turns(single: TurnPool):
    longs = [Long() for _ in range(4)]
    tasks = [asyncio.create_task(single.run(f"tenant-{number}", 0.001, long)) for number, long in enumerate(longs)]

    await until(lambda: all(long.entered.is_set() for long in longs))  # with one thread

    for long in longs:
        long.stop.set()
    await asyncio.gather(*tasks)
    await until(lambda: (single.running, single.waiting) == (0, 0))  # a caller has its result a moment earlier


async def test_long_work_does_not_give_way_to_the_calls_of_its_own_tenant(single: TurnPool):
    long, second = Long(), Long()
    first = asyncio.create_task(single.run("acme", 0.001, long))
    other = asyncio.create_task(single.run("acme", 0.001, second))
    await until(long.entered.is_set)
    for _ in range(5):
        await single.run("victim", 0.001, int, "7")

    assert not second.entered.is_set()
    long.stop.set()
    second.stop.set()
    await asyncio.gather(first, other)


async def pause(pool: TurnPool) -> tuple[Long, asyncio.Task[None], Busy, asyncio.Task[bool]]:
    """Let a long work pause while the thread is held."""
    long, busy = Long(), Busy()
    paused = asyncio.create_task(pool.run("long", 0.001, long))
    await until(long.entered.is_set)
    holding = asyncio.create_task(pool.run("busy", 0.001, busy))
    await until(busy.entered.is_set)
    return long, paused, busy, holding


async def test_paused_work_whose_caller_goes_ends_at_once(single: TurnPool):
    long, paused, busy, holding = await pause(single)

    paused.cancel()
    with pytest.raises(asyncio.CancelledError):
        await paused

    await until(long.ended.is_set)
    await until(lambda: (single.running, single.waiting) == (1, 0))
    busy.released.set()
    assert await holding


async def test_closing_ends_paused_work(single: TurnPool):
    long, paused, busy, holding = await pause(single)

    single.close()

    with pytest.raises(CancelledError):
        await paused
    assert long.ended.is_set()
    busy.released.set()
    await holding


async def test_a_limited_number_of_works_pauses():
    pool = TurnPool("turns", threads=1, max_waiting=100, clock=time.monotonic)
    longs = [Long() for _ in range(10)]
    tasks = [asyncio.create_task(pool.run(f"tenant-{number}", 0.001, long)) for number, long in enumerate(longs)]
    await until(lambda: sum(long.entered.is_set() for long in longs) == 5)

    assert not any(long.ended.is_set() for long in longs)
    for long in longs:
        long.stop.set()
    await asyncio.gather(*tasks)
    pool.close()
    assert all(long.ended.is_set() for long in longs)


@pytest.mark.parametrize("check", [check_cancelled, give_way])
@pytest.mark.parametrize("estimate", [0.0, 0.003, 0.4])
async def test_what_is_charged_in_advance_stays_near_what_is_paid(
    pool: TurnPool, monkeypatch: pytest.MonkeyPatch, check, estimate: float
):
    accounts: list[tuple[float, float]] = []
    finish = pool._schedule.finish

    def noted(tenant: str, charged: float, paid: float) -> None:
        accounts.append((charged, paid))
        finish(tenant, charged, paid)

    monkeypatch.setattr(pool._schedule, "finish", noted)

    def work() -> None:
        end = time.thread_time() + 0.3
        while time.thread_time() < end:
            check()

    await pool.run("acme", estimate, work)
    await until(lambda: accounts)

    charged, paid = accounts[0]
    assert paid - 0.01 < charged < 2 * paid
