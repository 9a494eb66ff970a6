"""The choice of the revision that answers a request while another one is being rolled out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from foreword.domain.rollout import CanaryPlan, Observation, ShadowPlan
from foreword.errors import DeadlineExceededError, ErrorKind, ForewordError
from foreword.inference.interfaces import Piece
from foreword.server.calls.closable import closable
from foreword.server.calls.unforeseen import request_fault
from foreword.server.inference.model_resolver import ResolvedModel, Route, RunningRollout
from foreword.server.inference.rollout_recorder import RolloutRecorder
from foreword.server.inference.shadows import Shadows

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)

_NOT_ITS_FAULT: Final = frozenset({ErrorKind.EXHAUSTED, ErrorKind.UNAVAILABLE, ErrorKind.CANCELLED})
"""Errors that concern the service as a whole. They are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Value_co]):
    """An answer of a revision.

    Attributes:
        model: The model that answered.
        shown: The text or the labels, which are compared with those of a shadow.
        abstained: Whether `Classify` abstained; None for text.
    """

    model: ResolvedModel
    value: Value_co
    shown: object
    abstained: bool | None = None


class Ask(Protocol[Value_co]):
    """A function that gets the answer of one model to a request."""

    def __call__(
        self, model: ResolvedModel, deadline: float | None, *, shadow: bool = False
    ) -> Awaitable[Answer[Value_co]]:
        """Return the answer, or raise a ForewordError.

        Args:
            deadline: Time on the clock of `time.monotonic()`; None for none.
            shadow: Whether the answer is only compared with another one.
        """
        ...


class Traffic:
    """The share of requests that revisions get.

    A canary request that fails on the new revision is answered by the stable one. If that succeeds, the failure is the
    new revision's own, and is counted; otherwise the caller gets the error of the stable revision, which is the one
    without a canary too. If the new revision has not answered in half of the time until the deadline, the stable one
    begins as well, and the first answer counts.
    """

    def __init__(self, *, recorder: RolloutRecorder, shadows: Shadows) -> None:
        self._recorder = recorder
        self._shadows = shadows

    async def answer(self, route: Route, request_id: str, deadline: float | None, ask: Ask[Value]) -> Answer[Value]:
        """Return the answer of the revision that the request id chooses.

        Raises:
            ForewordError: The stable revision cannot answer.
        """
        rollout = route.rollout
        if rollout is None:
            return await ask(route.stable, deadline)
        if self._tries(rollout, request_id):
            return await self._try_candidate(route.stable, rollout, deadline, ask)
        begin = time.monotonic()
        answer = await ask(route.stable, deadline)
        self._note_stable(rollout, begin, answer.abstained)
        self._shadow(rollout, request_id, answer.shown, ask)
        return answer

    async def stream(
        self,
        route: Route,
        request_id: str,
        deadline: float | None,
        start: Callable[[ResolvedModel], AsyncIterator[Piece]],
        ask: Ask[Value],
    ) -> AsyncGenerator[tuple[ResolvedModel, Piece], None]:
        """Yield the pieces of the revision that the request id chooses.

        The stable revision takes over only before the first piece: what has been sent cannot be taken back.

        Args:
            start: Starts the stream of a model.
            ask: Gets a whole answer, for a shadow.

        Raises:
            ForewordError: The stable revision cannot answer, or the new one failed after its first piece.
        """
        rollout = route.rollout
        if rollout is not None and self._tries(rollout, request_id):
            async with aclosing(self._stream_candidate(route.stable, rollout, deadline, start)) as tried:
                async for model, piece in tried:
                    yield model, piece
            return
        begin = time.monotonic()
        async with aclosing(closable(start(route.stable))) as pieces:
            text = ""
            async for piece in pieces:
                text += piece.text
                if piece.final is not None and rollout is not None:
                    self._note_stable(rollout, begin, None)
                    self._shadow(rollout, request_id, text, ask)
                yield route.stable, piece

    def _tries(self, rollout: RunningRollout, request_id: str) -> bool:
        """Return whether a request goes to the new revision; it is then admitted."""
        canary = isinstance(rollout.plan, CanaryPlan)
        return canary and rollout.chooses(request_id) and self._recorder.admit(rollout)

    async def _try_candidate(
        self, stable: ResolvedModel, rollout: RunningRollout, deadline: float | None, ask: Ask[Value]
    ) -> Answer[Value]:
        begin = time.monotonic()
        trial = asyncio.create_task(_outcome(rollout, deadline, ask), name="canary")
        rescue: asyncio.Task[Answer[Value]] | None = None
        try:
            await asyncio.wait({trial}, timeout=None if deadline is None else max(0.0, (deadline - begin) / 2))
            if not (trial.done() and isinstance(trial.result(), Answer)):
                rescue = asyncio.create_task(_answer(ask, stable, deadline), name="rescue")
                await _first_answer(trial, rescue)
            seconds = time.monotonic() - begin
            outcome = trial.result() if trial.done() else _late_error()
            if isinstance(outcome, Answer):
                self._recorder.saw_candidate(rollout, Observation(seconds=seconds, abstained=outcome.abstained))
                return outcome
            assert rescue is not None
            answer = await rescue
            self._note_failure(rollout, outcome, seconds)
            return answer
        finally:
            for task in (trial, rescue):
                if task is not None:
                    task.cancel()
            await asyncio.gather(trial, *(() if rescue is None else (rescue,)), return_exceptions=True)
            self._recorder.leave(rollout)

    async def _stream_candidate(
        self,
        stable: ResolvedModel,
        rollout: RunningRollout,
        deadline: float | None,
        start: Callable[[ResolvedModel], AsyncIterator[Piece]],
    ) -> AsyncGenerator[tuple[ResolvedModel, Piece], None]:
        begin = time.monotonic()
        try:
            try:
                model = _model(rollout)
                pieces = closable(start(model))
                first = await _first(pieces, _half_way(begin, deadline))
            except Exception as raised:  # the root of an attempt, as in `_outcome`
                failure, seconds = _known(raised), time.monotonic() - begin
            else:
                async with aclosing(pieces):
                    try:
                        yield model, first
                        async for piece in pieces:
                            yield model, piece
                    except ForewordError as error:
                        self._note_failure(rollout, error, time.monotonic() - begin)
                        raise
                self._recorder.saw_candidate(rollout, Observation(seconds=time.monotonic() - begin))
                return
            async with aclosing(closable(start(stable))) as pieces:
                async for piece in pieces:
                    if piece.final is not None:
                        self._note_failure(rollout, failure, seconds)
                    yield stable, piece
        finally:
            self._recorder.leave(rollout)

    def _note_stable(self, rollout: RunningRollout, begin: float, abstained: bool | None) -> None:
        if isinstance(rollout.plan, CanaryPlan):
            self._recorder.saw_stable(rollout, Observation(seconds=time.monotonic() - begin, abstained=abstained))

    def _note_failure(self, rollout: RunningRollout, failure: ForewordError, seconds: float) -> None:
        """Count a failure of the new revision. Being too slow counts as a latency of at least the time that it had."""
        if failure.kind not in _NOT_ITS_FAULT:
            failed = failure.kind is not ErrorKind.DEADLINE_EXCEEDED
            self._recorder.saw_candidate(rollout, Observation(seconds=seconds, failed=failed))

    def _shadow(self, rollout: RunningRollout, request_id: str, shown: object, ask: Ask[Value]) -> None:
        if isinstance(rollout.plan, ShadowPlan) and rollout.chooses(request_id):

            async def answer(deadline: float) -> object:
                return (await ask(_model(rollout), deadline, shadow=True)).shown

            self._shadows.compare(rollout, shown, answer)


def _model(rollout: RunningRollout) -> ResolvedModel:
    """Return the model of the new revision.

    Raises:
        ForewordError: It cannot be used, because it or something that it needs is missing.
    """
    if isinstance(rollout.candidate, ForewordError):
        raise rollout.candidate
    return rollout.candidate


async def _outcome(rollout: RunningRollout, deadline: float | None, ask: Ask[Value]) -> Answer[Value] | ForewordError:
    """Return the answer of the new revision, or the error with which it fails."""
    try:
        return await ask(_model(rollout), deadline)
    except Exception as raised:  # the root of an attempt, whose failure must not become the caller's
        return _known(raised)


async def _answer(ask: Ask[Value], model: ResolvedModel, deadline: float | None) -> Answer[Value]:
    return await ask(model, deadline)


async def _first_answer(
    trial: asyncio.Task[Answer[Value] | ForewordError], rescue: asyncio.Task[Answer[Value]]
) -> None:
    """Wait until one of both has an answer, or both have failed."""
    running: set[asyncio.Task[Any]] = {trial, rescue}
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        if rescue in done and rescue.exception() is None:
            return
        if trial in done and isinstance(trial.result(), Answer):
            return


def _late_error() -> DeadlineExceededError:
    return DeadlineExceededError("The canary did not answer in time.")


def _half_way(begin: float, deadline: float | None) -> float | None:
    return None if deadline is None else begin + (deadline - begin) / 2


def _known(raised: Exception) -> ForewordError:
    """Return an error as it is, and log an unexpected exception."""
    return raised if isinstance(raised, ForewordError) else request_fault()


async def _first(pieces: AsyncGenerator[Piece, None], deadline: float | None) -> Piece:
    """Return the first piece. Close the pieces if there is none.

    Raises:
        DeadlineExceededError: It did not come in time.
    """
    try:
        async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
            return await anext(pieces)
    except BaseException as raised:
        await pieces.aclose()
        if isinstance(raised, TimeoutError):
            raise _late_error() from None
        raise
