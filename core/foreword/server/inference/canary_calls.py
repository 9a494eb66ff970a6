"""Requests that a canary answers, or else the stable revision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, Final, TypeVar

from foreword.domain.canary_wait import wait_seconds
from foreword.domain.rollout_figures import Observation
from foreword.errors import DeadlineExceededError, ForewordError
from foreword.inference.interfaces import Piece
from foreword.server.calls.closable import closable
from foreword.server.inference.answers import Answer, Ask, candidate_of, is_of_the_service, known_error
from foreword.server.inference.model_resolver import RunningRollout
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.server.inference.rollout_recorder import RolloutRecorder

Value = TypeVar("Value")
Result = TypeVar("Result")

_MAX_REASON: Final = 40
"""Characters of the reason of an error that are counted."""


class CanaryCalls:
    """Canary requests, which the recorder must have admitted.

    What the new revision fails on is answered by the stable one. If that succeeds, the failure is the new revision's
    own, and is counted; otherwise the caller gets the error of the stable revision, which is the one without a canary
    too.

    A caller waits for the new revision at most as `caller_wait` says. Then the stable one begins as well, and the first
    answer is returned. If it is that of the stable one, which began later, the new revision was too slow and has
    failed. If the caller leaves while it waits for both, it has waited in vain, which is counted for both revisions.
    """

    def __init__(self, recorder: RolloutRecorder) -> None:
        self._recorder = recorder

    async def answer(
        self, stable: ResolvedModel, rollout: RunningRollout, deadline: float | None, ask: Ask[Value]
    ) -> Answer[Value]:
        """Return the first answer of both revisions.

        Raises:
            ForewordError: The stable revision cannot answer.
        """
        begin = time.monotonic()
        wait = caller_wait(rollout, begin, deadline)
        trial = asyncio.create_task(_outcome(rollout, deadline, ask), name="canary")
        rescue: asyncio.Task[Answer[Value]] | None = None
        try:
            await asyncio.wait({trial}, timeout=wait)
            if not _has_result(trial):
                rescue = asyncio.create_task(_ask(ask, stable, deadline), name="rescue")
                await _first_result(trial, rescue, wait)
            outcome = trial.result() if trial.done() else _late_error()
            if isinstance(outcome, Answer):
                seen = Observation(seconds=time.monotonic() - begin, abstained=outcome.abstained)
                self._recorder.saw_candidate(rollout, seen)
                return outcome
            assert rescue is not None
            answer = await rescue
            self._note_failure(rollout, outcome, begin)
            return answer
        except (asyncio.CancelledError, DeadlineExceededError):
            self._note_vain_wait(rollout, trial, rescue, begin)
            raise
        finally:
            await _cancel(trial, rescue)
            self._recorder.leave(rollout)

    async def stream(
        self,
        stable: ResolvedModel,
        rollout: RunningRollout,
        deadline: float | None,
        start: Callable[[ResolvedModel], AsyncIterator[Piece]],
    ) -> AsyncGenerator[tuple[ResolvedModel, Piece], None]:
        """Yield the pieces of the revision whose first piece is the first of both.

        After that, the other one cannot take over: what has been sent cannot be taken back. A new revision that hangs
        then has failed.

        Args:
            start: Starts the stream of a model.

        Raises:
            ForewordError: The stable revision cannot answer, or the new one failed after its first piece.
        """
        begin = time.monotonic()
        wait = caller_wait(rollout, begin, deadline)
        tried = _started(start, lambda: candidate_of(rollout))
        rescued = _started(start, lambda: stable)
        trial = asyncio.create_task(_first_piece(tried), name="canary")
        rescue: asyncio.Task[Piece] | None = None
        try:
            async with aclosing(tried), aclosing(rescued):
                try:
                    await asyncio.wait({trial}, timeout=wait)
                    if not _has_result(trial):
                        rescue = asyncio.create_task(_next(rescued), name="rescue")
                        await _first_result(trial, rescue, wait)
                    outcome = trial.result() if trial.done() else _late_error()
                    first = outcome if isinstance(outcome, Piece) else await _not_none(rescue)
                except (asyncio.CancelledError, DeadlineExceededError):
                    self._note_vain_wait(rollout, trial, rescue, begin)
                    raise
                finally:
                    await _cancel(trial, rescue)
                if isinstance(outcome, Piece):
                    await rescued.aclose()
                    async with aclosing(self._continue_candidate(rollout, first, tried, begin, wait)) as pieces:
                        async for piece in pieces:
                            yield candidate_of(rollout), piece
                    return
                await tried.aclose()
                async with aclosing(_chain(first, rescued)) as pieces:
                    async for piece in pieces:
                        if piece.final is not None:
                            self._note_failure(rollout, outcome, begin)
                        yield stable, piece
        finally:
            self._recorder.leave(rollout)

    async def _continue_candidate(
        self, rollout: RunningRollout, first: Piece, rest: AsyncGenerator[Piece, None], begin: float, wait: float
    ) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of the new revision, and count how its answer ended.

        A stream that hangs cannot be rescued. It is counted as soon as it has hung for as long as a caller without a
        deadline waits for a canary, because a patient caller may wait for ever, and the canary would go on.
        """
        asked = time.monotonic()
        is_counted = False

        def count(**seen: Any) -> None:
            nonlocal is_counted
            if not is_counted:
                is_counted = True
                self._recorder.saw_candidate(rollout, Observation(seconds=time.monotonic() - begin, **seen))

        hung = partial(count, failure=_late_error().reason)
        try:
            async with (
                aclosing(_chain(first, rest)) as chained,
                aclosing(_timed(chained, rollout.longest_wait_seconds, hung)) as pieces,
            ):
                async for piece in pieces:
                    if piece.final is not None:
                        count()
                    yield piece
                    asked = time.monotonic()
        except (asyncio.CancelledError, DeadlineExceededError) as ended:
            if isinstance(ended, DeadlineExceededError) or time.monotonic() - asked > wait:
                count(missed=True)
            raise
        except ForewordError as error:
            if not is_counted:
                self._note_failure(rollout, error, begin)
            raise

    def _note_failure(self, rollout: RunningRollout, failure: ForewordError, begin: float) -> None:
        """Count an error of the new revision."""
        if not is_of_the_service(failure):
            seen = Observation(seconds=time.monotonic() - begin, failure=failure.reason[:_MAX_REASON])
            self._recorder.saw_candidate(rollout, seen)

    def _note_vain_wait(
        self, rollout: RunningRollout, trial: asyncio.Task[Any], rescue: asyncio.Task[Any] | None, begin: float
    ) -> None:
        """Count a caller who has waited for both revisions, and left or met its deadline."""
        late = not trial.done() or isinstance(trial.result(), DeadlineExceededError)
        if rescue is None or not late:
            return  # the caller left early, or the new revision had failed before, so that only the stable one was late
        refused = rescue.done() and not isinstance(rescue.exception(), DeadlineExceededError)
        if not refused:
            self._recorder.saw_candidate(rollout, Observation(seconds=time.monotonic() - begin, missed=True))


def caller_wait(rollout: RunningRollout, begin: float, deadline: float | None) -> float:
    """Return for how many seconds a caller waits for the new revision; both times are of `time.monotonic()`."""
    return wait_seconds(rollout.longest_wait_seconds, None if deadline is None else deadline - begin)


async def _outcome(rollout: RunningRollout, deadline: float | None, ask: Ask[Value]) -> Answer[Value] | ForewordError:
    """Return the answer of the new revision, or the error with which it fails."""
    try:
        return await ask(candidate_of(rollout), deadline)
    except Exception as raised:  # the root of an attempt, whose failure must not become the caller's
        return known_error(raised)


async def _ask(ask: Ask[Value], model: ResolvedModel, deadline: float | None) -> Answer[Value]:
    return await ask(model, deadline)


async def _started(
    start: Callable[[ResolvedModel], AsyncIterator[Piece]], model: Callable[[], ResolvedModel]
) -> AsyncGenerator[Piece, None]:
    """Yield the pieces of a model; it is looked up and asked when the first one is."""
    async with aclosing(closable(start(model()))) as pieces:
        async for piece in pieces:
            yield piece


async def _first_piece(pieces: AsyncGenerator[Piece, None]) -> Piece | ForewordError:
    """Return the first piece of the new revision, or the error with which it fails."""
    try:
        return await anext(pieces)
    except Exception as raised:  # as in `_outcome`
        return known_error(raised)


async def _next(pieces: AsyncGenerator[Piece, None]) -> Piece:
    return await anext(pieces)


async def _chain(first: Piece, rest: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
    yield first
    async with aclosing(rest):
        async for piece in rest:
            yield piece


async def _timed(
    pieces: AsyncGenerator[Piece, None], seconds: float, late: Callable[[], None]
) -> AsyncGenerator[Piece, None]:
    """Yield pieces, and call `late` when one is not there after some seconds. The time of the caller does not count."""
    loop = asyncio.get_running_loop()
    while True:
        timer = loop.call_later(seconds, late)
        try:
            piece = await anext(pieces)
        except StopAsyncIteration:
            return
        finally:
            timer.cancel()
        yield piece


async def _first_result(trial: asyncio.Task[Any], rescue: asyncio.Task[Any], wait: float) -> None:
    """Wait until one of both has an answer, or both have failed.

    A trial that still hangs after the rescue has failed gets its first wait once more, but no longer.
    """
    running: set[asyncio.Task[Any]] = {trial, rescue}
    timeout = None
    while running:
        done, running = await asyncio.wait(running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done or _has_result(trial):
            return
        if rescue.done():
            if rescue.exception() is None:
                return
            timeout = wait


def _has_result(trial: asyncio.Task[Any]) -> bool:
    """Return whether the new revision has answered."""
    return trial.done() and not isinstance(trial.result(), ForewordError)


async def _not_none(rescue: asyncio.Task[Result] | None) -> Result:
    assert rescue is not None
    return await rescue


async def _cancel(trial: asyncio.Task[Any], rescue: asyncio.Task[Any] | None) -> None:
    """End what still runs, and wait for it."""
    tasks = [task for task in (trial, rescue) if task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _late_error() -> DeadlineExceededError:
    return DeadlineExceededError("The canary did not answer in time.")
