"""The running calls, which end when their key is revoked or expires, or their tenant is suspended or deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from foreword.errors import ForewordError, PermissionDeniedError, UnauthenticatedError
from foreword.observability.logging import get_logger

_LOOK_SECONDS: Final = 0.25
_MOST_CHECKS: Final = 8
"""Keys that are looked up at a time. All callers may have one address, whose look-ups have limits."""
_log = get_logger("auth")


class _OpenCall:
    """A running call."""

    def __init__(self, admit: Callable[[], Awaitable[object]]) -> None:
        self.admit = admit
        self.task = asyncio.current_task()  # None when it has ended
        self.is_new = True
        self.refusal: ForewordError | None = None

    def end(self, refusal: ForewordError) -> None:
        """End the call with an error."""
        if self.refusal is None and self.task is not None:
            self.refusal = refusal
            self.task.cancel()


class OpenCalls:
    """The running calls of all keys, on one event loop.

    Streams can last for days, and an upload or a batch for minutes. Calls that have just begun are not checked, so
    short ones cost nothing.
    """

    def __init__(self) -> None:
        self._open: dict[str, set[_OpenCall]] = {}
        self._turns = asyncio.Semaphore(_MOST_CHECKS)

    @contextmanager
    def running(self, key: str, admit: Callable[[], Awaitable[object]]) -> Iterator[None]:
        """End the call of the current task when its caller is no longer admitted, until the block ends.

        Args:
            key: Id of the caller's key; calls of one key are checked together.
            admit: Raises an error if the caller is no longer admitted.

        Raises:
            UnauthenticatedError: The key was revoked or has expired.
            PermissionDeniedError: The tenant was suspended or deleted.
        """
        call = _OpenCall(admit)
        self._open.setdefault(key, set()).add(call)
        try:
            yield
        except BaseException:
            if call.refusal is None or call.task is None:
                raise
            call.task.uncancel()
            raise call.refusal from None
        finally:
            call.task = None
            calls = self._open[key]
            calls.remove(call)
            if not calls:
                del self._open[key]

    async def run(self) -> None:
        """Check the calls until the task is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except Exception:  # the root of a background task
                _log.exception("open_calls_not_checked")

    async def look(self) -> None:
        """Check the keys of calls that have been running since the last look."""
        old: dict[str, list[_OpenCall]] = {}
        for key, calls in self._open.items():
            if seen := [call for call in calls if not call.is_new]:
                old[key] = seen
            for call in calls:
                call.is_new = False
        async with asyncio.TaskGroup() as checks:
            for checked in old.values():
                checks.create_task(self._check_in_turn(checked))

    async def _check_in_turn(self, calls: Sequence[_OpenCall]) -> None:
        async with self._turns:
            await self._check(calls)

    async def _check(self, calls: Sequence[_OpenCall]) -> None:
        first, *others = calls
        try:
            await first.admit()
        except (UnauthenticatedError, PermissionDeniedError) as refusal:
            first.end(refusal)
            for call in others:  # each gets an error of its own, because errors hold what they have passed through
                await self._check([call])
        except ForewordError:
            return  # the key could not be looked up: the next look tries again
