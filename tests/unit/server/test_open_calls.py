"""Running calls end when their caller is no longer admitted, and no other calls do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from factories.waiting import eventually
from foreword.errors import ForewordError, PermissionDeniedError, UnauthenticatedError, UnavailableError
from foreword.server.callers.open_calls import OpenCalls


class Caller:
    """A caller with a key, and what a look-up of the key says."""

    def __init__(self, calls: OpenCalls, key: str) -> None:
        self._calls = calls
        self._key = key
        self.refusal: Callable[[], ForewordError] | None = None
        self.lookups = 0
        self.cleaned_up = 0

    async def admit(self) -> None:
        self.lookups += 1
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal()

    async def stream(self) -> AsyncIterator[int]:
        try:
            for number in range(1_000_000):
                yield number
                await asyncio.sleep(0.001)
        finally:
            self.cleaned_up += 1

    async def call(self) -> None:
        with self._calls.running(self._key, self.admit):
            async for _ in self.stream():
                pass


def revoked() -> ForewordError:
    return UnauthenticatedError("The key was revoked.")


async def ended(task: asyncio.Task[None]) -> BaseException | None:
    await asyncio.wait([task], timeout=30)
    return None if task.cancelled() else task.exception()


async def test_all_calls_of_a_refused_key_end_with_errors_of_their_own():
    calls = OpenCalls()
    bad, good = Caller(calls, "bad"), Caller(calls, "good")
    tasks = [asyncio.create_task(bad.call()) for _ in range(3)]
    other = asyncio.create_task(good.call())
    await asyncio.sleep(0)
    await calls.look()
    new = bad.lookups
    bad.refusal = revoked

    await calls.look()
    errors = [await ended(task) for task in tasks]

    assert new == 0  # short calls cost no look-up
    assert [type(error) for error in errors] == [UnauthenticatedError] * 3
    assert len({id(error) for error in errors}) == 3
    assert all(task.cancelling() == 0 for task in tasks)
    assert not other.done()
    other.cancel()
    assert await ended(other) is None  # the caller has gone, which is no refusal
    assert other.cancelled()
    await eventually(lambda: bad.cleaned_up == 3)


async def test_a_key_that_cannot_be_looked_up_ends_no_call():
    calls = OpenCalls()
    caller = Caller(calls, "key")
    task = asyncio.create_task(caller.call())
    await asyncio.sleep(0)
    caller.refusal = lambda: UnavailableError("The database cannot be reached.")
    for _ in range(3):
        await calls.look()

    assert caller.lookups == 2
    assert not task.done()
    caller.refusal = lambda: PermissionDeniedError("The tenant is suspended.", reason="TENANT_SUSPENDED")
    await calls.look()
    assert isinstance(await ended(task), PermissionDeniedError)


async def test_a_call_that_ends_while_its_key_is_looked_up_is_left_alone():
    calls = OpenCalls()
    looked_up = asyncio.Event()

    async def admit() -> None:
        finish.set()
        await looked_up.wait()
        raise revoked()

    async def call() -> str:
        with calls.running("key", admit):
            await finish.wait()
        looked_up.set()
        await asyncio.sleep(0.01)
        return "answered"

    finish = asyncio.Event()
    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    await calls.look()
    await calls.look()

    assert await task == "answered"


async def test_an_error_of_the_call_stays_what_it_is():
    calls = OpenCalls()
    with pytest.raises(ValueError, match="own"), calls.running("key", Caller(calls, "key").admit):
        raise ValueError("own")
