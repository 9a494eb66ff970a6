from __future__ import annotations

import asyncio
import gc

import pytest

from factories.waiting import eventually
from foreword.server.calls.recent import RecentCache


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Source:
    """A loader that counts its calls."""

    def __init__(self) -> None:
        self.loads = 0
        self.value = "old"
        self.hold: asyncio.Event | None = None

    async def __call__(self) -> str:
        self.loads += 1
        value = self.value
        if self.hold is not None:
            await self.hold.wait()
        return value


async def test_a_value_is_loaded_once_until_it_is_too_old():
    clock, source = Clock(), Source()
    cache: RecentCache[str, str] = RecentCache(1.0, clock=clock)

    await cache.get("key", source)
    clock.now += 0.9
    await cache.get("key", source)
    assert source.loads == 1

    clock.now += 0.1
    await cache.get("key", source)
    assert source.loads == 2


async def test_the_age_counts_from_before_the_load():
    clock, source = Clock(), Source()
    cache: RecentCache[str, str] = RecentCache(1.0, clock=clock)
    source.hold = asyncio.Event()
    waiting = asyncio.create_task(cache.get("key", source))
    await eventually(lambda: source.loads)
    clock.now += 0.8
    source.hold.set()
    await waiting

    clock.now += 0.3
    await cache.get("key", source)

    assert source.loads == 2


async def test_those_who_miss_together_load_once():
    source = Source()
    cache: RecentCache[str, str] = RecentCache(1.0)

    answers = await asyncio.gather(*(cache.get("key", source) for _ in range(5)))

    assert answers == ["old"] * 5
    assert source.loads == 1


async def test_one_who_goes_away_leaves_the_load_to_the_others():
    source = Source()
    source.hold = asyncio.Event()
    cache: RecentCache[str, str] = RecentCache(1.0)
    first, second = (asyncio.create_task(cache.get("key", source)) for _ in range(2))
    await eventually(lambda: source.loads)

    first.cancel()
    source.hold.set()

    assert await second == "old"
    assert source.loads == 1


async def test_a_value_read_before_a_change_is_not_kept_after_it():
    source = Source()
    source.hold = asyncio.Event()
    cache: RecentCache[str, str] = RecentCache(1.0)
    before = asyncio.create_task(cache.get("key", source))
    await eventually(lambda: source.loads)

    source.value = "new"
    cache.forget("key")
    source.hold.set()

    assert await before == "old"
    assert await cache.get("key", source) == "new"


async def test_errors_are_not_kept():
    cache: RecentCache[str, str] = RecentCache(1.0)

    async def fail() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        await cache.get("key", fail)

    assert await cache.get("key", Source()) == "old"


async def test_clearing_forgets_everything():
    source = Source()
    cache: RecentCache[str, str] = RecentCache(1.0)
    await cache.get("key", source)

    cache.clear()
    await cache.get("key", source)

    assert source.loads == 2


async def test_the_error_of_a_load_without_callers_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    cache: RecentCache[str, int] = RecentCache(60.0)
    loading = asyncio.Event()

    async def load() -> int:
        await loading.wait()
        raise LookupError("a name that a caller chose")

    caller = asyncio.create_task(cache.get("key", load))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    loading.set()
    for _ in range(3):
        await asyncio.sleep(0)
    del caller
    gc.collect()

    assert "a name that a caller chose" not in caplog.text
