"""Requests that a shadow answers in the background, in the spare time of the engine."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from foreword.domain.rollout_figures import ShadowFigures
from foreword.errors import DeadlineExceededError, ForewordError
from foreword.inference.interfaces import EngineClient
from foreword.server.calls.unforeseen import request_fault
from foreword.server.inference.answers import is_of_the_service
from foreword.server.inference.model_resolver import RunningRollout
from foreword.server.inference.rollout_recorder import RolloutRecorder
from foreword.turns.fair_queue import FairQueue
from foreword.turns.shares import exceeds_share

_MAX_WAITING: Final = 16
"""Requests that may wait for spare time, and with them their texts in memory; see `exceeds_share`."""
_MAX_RUNNING_ROWS: Final = 4
"""Answers under way beside which a shadow may run; one more row then costs them little."""
_REST_FACTOR: Final = 9
"""Rest after each answer, as a multiple of the time that it took. On a processor with few cores, a shadow that runs all
the time doubles the time of other answers, because a pass of the model cannot be interrupted."""
_PATIENCE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.02
_ANSWER_SECONDS: Final = 30.0
_COST_SECONDS: Final = 0.1
"""Estimated time of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiting:
    """A request that waits for spare time until `until`, on the clock of `time.monotonic()`."""

    rollout: RunningRollout
    shown: object
    answer: Callable[[float], Awaitable[object]]
    until: float
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    @property
    def tenant(self) -> str:
        """The tenant of the shadow."""
        return self.rollout.deployment.tenant


class Shadows:
    """The requests of shadows, which take at most a tenth of the time, one after the other.

    Tenants get equal shares of that time, and of the places in which requests wait. A request begins only while no
    other one waits for the engine and few are being answered. If that does not happen in five seconds, or too many of
    its tenant wait already, it is dropped and counted as shed. A tenant whose shadow does not answer in time pauses, so
    that the others need not wait for it.

    Args:
        answer_seconds: Time limit of an answer.
    """

    def __init__(
        self, *, engine: EngineClient, recorder: RolloutRecorder, answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._answer_seconds = answer_seconds
        self._waiting: FairQueue[_Waiting] = FairQueue()
        self._rest_until = 0.0
        self._pauses: dict[str, float] = {}
        self._work: asyncio.Task[None] | None = None

    def compare(self, rollout: RunningRollout, shown: object, answer: Callable[[float], Awaitable[object]]) -> None:
        """Compare the answer that was returned with that of the shadow, in the background.

        Args:
            shown: The labels or the text that were returned.
            answer: Gets those of the shadow, given a deadline on the clock of `time.monotonic()`.
        """
        now = time.monotonic()
        waiting = _Waiting(rollout=rollout, shown=shown, answer=answer, until=now + _PATIENCE_SECONDS)
        tenant = waiting.tenant
        if now < self._pauses.get(tenant, 0.0) or exceeds_share(self._waiting.counts, tenant, 1, _MAX_WAITING):
            self._shed(waiting)
            return
        self._waiting.push(tenant, waiting, _COST_SECONDS)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_waiting(), name="shadows")

    async def close(self) -> None:
        """Drop all requests."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _answer_waiting(self) -> None:
        """Answer requests until none waits."""
        while len(self._waiting):
            for late in self._waiting.remove(_is_late):
                self._shed(late)
            found = self._waiting.pop_next(lambda _: True) if self._has_spare_time() else None
            if found is None:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            waiting = found[1]
            # In the context of the request, so that log lines and spans belong to it.
            task = asyncio.create_task(self._outcome(waiting), name="shadow", context=waiting.context)
            try:
                self._recorder.saw_shadow(waiting.rollout, await task)
            finally:
                task.cancel()

    async def _outcome(self, waiting: _Waiting) -> ShadowFigures:
        begin = time.monotonic()
        rest_factor = _REST_FACTOR
        try:
            async with asyncio.timeout(self._answer_seconds):
                theirs = await waiting.answer(begin + self._answer_seconds)
        except (TimeoutError, DeadlineExceededError):
            rest_factor = 1  # only its tenant makes up for the rest
            self._pause(waiting.tenant)
            return ShadowFigures(errors=1)
        except ForewordError as error:
            return ShadowFigures(shed=1) if is_of_the_service(error) else ShadowFigures(errors=1)
        except Exception:  # the root of a task
            request_fault()
            return ShadowFigures(errors=1)
        finally:
            end = time.monotonic()
            self._rest_until = end + rest_factor * (end - begin)
            self._waiting.charge(waiting.tenant, end - begin - _COST_SECONDS)
        return ShadowFigures(compared=1, agreed=int(theirs == waiting.shown))

    def _pause(self, tenant: str) -> None:
        """Take no requests of a tenant for as long as its answer has to be made up for."""
        now = time.monotonic()
        self._pauses = {other: until for other, until in self._pauses.items() if until > now}
        self._pauses[tenant] = now + _REST_FACTOR * self._answer_seconds
        for waiting in self._waiting.remove(lambda item: item.tenant == tenant):
            self._shed(waiting)

    def _shed(self, waiting: _Waiting) -> None:
        self._recorder.saw_shadow(waiting.rollout, ShadowFigures(shed=1))

    def _has_spare_time(self) -> bool:
        if time.monotonic() < self._rest_until:
            return False
        load = self._engine.load()
        return not load.queued_requests and not load.queued_tokens and load.running_rows < _MAX_RUNNING_ROWS


def _is_late(waiting: _Waiting) -> bool:
    return time.monotonic() > waiting.until
