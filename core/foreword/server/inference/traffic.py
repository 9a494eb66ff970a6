"""The choice of the revision that answers a request while another one is being rolled out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeVar

from foreword.domain.rollout import CanaryPlan, ShadowPlan
from foreword.domain.rollout_figures import Observation
from foreword.errors import DeadlineExceededError, ExhaustedError, ForewordError
from foreword.inference.interfaces import Piece
from foreword.server.calls.closable import closable
from foreword.server.inference.answers import Answer, Ask, candidate_of
from foreword.server.inference.canary_calls import CanaryCalls, caller_wait
from foreword.server.inference.model_resolver import Route, RunningRollout
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.server.inference.rollout_recorder import RolloutRecorder
from foreword.server.inference.shadows import Shadows

Value = TypeVar("Value")


class Traffic:
    """The share of requests that revisions get."""

    def __init__(self, *, recorder: RolloutRecorder, shadows: Shadows) -> None:
        self._recorder = recorder
        self._shadows = shadows
        self._canaries = CanaryCalls(recorder)

    async def answer(self, route: Route, request_id: str, deadline: float | None, ask: Ask[Value]) -> Answer[Value]:
        """Return the answer of the revision that the request id chooses.

        Raises:
            ForewordError: The stable revision cannot answer.
        """
        rollout = route.rollout
        if rollout is None:
            return await ask(route.stable, deadline)
        if self._tries(rollout, request_id):
            return await self._canaries.answer(route.stable, rollout, deadline, ask)
        begin = time.monotonic()
        try:
            answer = await ask(route.stable, deadline)
        except (asyncio.CancelledError, DeadlineExceededError) as ended:
            self._note_vain_wait(rollout, deadline, begin, begin, ended)
            raise
        except ExhaustedError as error:
            self._note_displaced(rollout, error, begin)
            raise
        self._note_stable(rollout, Observation(seconds=time.monotonic() - begin, abstained=answer.abstained))
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
            async with aclosing(self._canaries.stream(route.stable, rollout, deadline, start)) as tried:
                async for model, piece in tried:
                    yield model, piece
            return
        begin = asked = time.monotonic()
        async with aclosing(closable(start(route.stable))) as pieces:
            text = ""
            try:
                async for piece in pieces:
                    text += piece.text
                    if piece.final is not None and rollout is not None:
                        self._note_stable(rollout, Observation(seconds=time.monotonic() - begin))
                        self._shadow(rollout, request_id, text, ask)
                    yield route.stable, piece
                    asked = time.monotonic()
            except (asyncio.CancelledError, DeadlineExceededError) as ended:
                if rollout is not None:
                    self._note_vain_wait(rollout, deadline, begin, asked, ended)
                raise
            except ExhaustedError as error:
                if rollout is not None:
                    self._note_displaced(rollout, error, begin)
                raise

    def _tries(self, rollout: RunningRollout, request_id: str) -> bool:
        """Return whether a request goes to the new revision; it is then admitted."""
        canary = isinstance(rollout.plan, CanaryPlan)
        return canary and rollout.chooses(request_id) and self._recorder.admit(rollout)

    def _note_stable(self, rollout: RunningRollout, observation: Observation) -> None:
        if isinstance(rollout.plan, CanaryPlan):
            self._recorder.saw_stable(rollout, observation)

    def _note_vain_wait(
        self, rollout: RunningRollout, deadline: float | None, begin: float, asked: float, ended: BaseException
    ) -> None:
        """Count a caller who has met its deadline, or left after it has waited as long as for a canary.

        Args:
            asked: When it began to wait for the piece that it has not got.
        """
        now, wait = time.monotonic(), caller_wait(rollout, begin, deadline)
        if isinstance(ended, DeadlineExceededError) or now - asked > wait:
            self._note_stable(rollout, Observation(seconds=now - begin, missed=True))

    def _note_displaced(self, rollout: RunningRollout, error: ExhaustedError, begin: float) -> None:
        """Count an error of a canary whose base model takes the memory that the one of the stable revision needs."""
        candidate = rollout.candidate
        if not isinstance(rollout.plan, CanaryPlan) or isinstance(candidate, ForewordError):
            return
        if candidate.base_model in error.metadata.get("residents", "").split(", "):
            seen = Observation(seconds=time.monotonic() - begin, failure=error.reason)
            self._recorder.saw_candidate(rollout, seen)

    def _shadow(self, rollout: RunningRollout, request_id: str, shown: object, ask: Ask[Value]) -> None:
        if isinstance(rollout.plan, ShadowPlan) and rollout.chooses(request_id):

            async def answer(deadline: float) -> object:
                return (await ask(candidate_of(rollout), deadline, shadow=True)).shown

            self._shadows.compare(rollout, shown, answer)
