"""Requests that a shadow answers in the background, in the spare time of the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from foreword.domain.rollout_figures import ShadowFigures
from foreword.errors import ErrorKind, ForewordError
from foreword.inference.interfaces import EngineClient
from foreword.server.calls.unforeseen import request_fault
from foreword.server.inference.model_resolver import RunningRollout
from foreword.server.inference.rollout_recorder import RolloutRecorder

_MAX_WAITING: Final = 16
"""Requests that may wait for spare time, and with them their texts in memory."""
_MAX_RUNNING_ROWS: Final = 4
"""Answers under way beside which a shadow may run; one more row then costs them little."""
_REST_FACTOR: Final = 9
"""Rest after each answer, as a multiple of the time that it took. On a processor with few cores, a shadow that runs all
the time doubles the time of other answers, because a pass of the model cannot be interrupted."""
_PATIENCE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.02
_ANSWER_SECONDS: Final = 30.0
_LOAD: Final = frozenset({ErrorKind.EXHAUSTED, ErrorKind.UNAVAILABLE, ErrorKind.CANCELLED})


class Shadows:
    """The requests of shadows, which take at most a tenth of the time, one after the other.

    One begins only while no other request waits for the engine and few are being answered. If that does not happen in
    five seconds, or 16 wait already, the request is dropped and counted as shed.
    """

    def __init__(self, *, engine: EngineClient, recorder: RolloutRecorder) -> None:
        self._engine = engine
        self._recorder = recorder
        self._turn = asyncio.Lock()
        self._rest_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def compare(self, rollout: RunningRollout, shown: object, answer: Callable[[float], Awaitable[object]]) -> None:
        """Compare the answer that was returned with that of the shadow, in the background.

        Args:
            shown: The labels or the text that were returned.
            answer: Gets those of the shadow, given a deadline on the clock of `time.monotonic()`.
        """
        if len(self._tasks) >= _MAX_WAITING:
            self._recorder.saw_shadow(rollout, ShadowFigures(shed=1))
            return
        task = asyncio.create_task(self._compare(rollout, shown, answer), name="shadow")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop all requests."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _compare(
        self, rollout: RunningRollout, shown: object, answer: Callable[[float], Awaitable[object]]
    ) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            self._recorder.saw_shadow(rollout, ShadowFigures(shed=1))
            return
        try:
            figures = await self._outcome(shown, answer)
        finally:
            self._turn.release()
        self._recorder.saw_shadow(rollout, figures)

    async def _outcome(self, shown: object, answer: Callable[[float], Awaitable[object]]) -> ShadowFigures:
        patience = time.monotonic() + _PATIENCE_SECONDS
        while not self._has_spare_time():
            if time.monotonic() > patience:
                return ShadowFigures(shed=1)
            await asyncio.sleep(_LOOK_SECONDS)
        begin = time.monotonic()
        try:
            theirs = await answer(time.monotonic() + _ANSWER_SECONDS)
        except ForewordError as error:
            return ShadowFigures(shed=1) if error.kind in _LOAD else ShadowFigures(errors=1)
        except Exception:  # the root of a task
            request_fault()
            return ShadowFigures(errors=1)
        finally:
            end = time.monotonic()
            self._rest_until = end + _REST_FACTOR * (end - begin)
        return ShadowFigures(compared=1, agreed=int(theirs == shown))

    def _has_spare_time(self) -> bool:
        if time.monotonic() < self._rest_until:
            return False
        load = self._engine.load()
        return not load.queued_requests and not load.queued_tokens and load.running_rows < _MAX_RUNNING_ROWS
