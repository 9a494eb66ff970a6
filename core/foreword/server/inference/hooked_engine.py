"""An engine with plugin hooks, which can change or reject texts before a request and observe its outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

from foreword.domain.inference import Classification, TokenUsage
from foreword.domain.inference_call import InferenceCall, InferenceOutcome
from foreword.errors import ForewordError
from foreword.inference.interfaces import AdapterReference, EngineClient, EngineLoad, EngineRequest, Piece, Tokens
from foreword.observability.logging import get_logger
from foreword.plugin.manager import PluginManager
from foreword.server.calls.closable import closable
from foreword.server.calls.pools import HOOK_SECONDS
from foreword.turns.turn_pool import TurnPool

_log = get_logger("hooks")


def hooked(engine: EngineClient, plugins: PluginManager, *, before: TurnPool, after: TurnPool) -> EngineClient:
    """Return the engine, wrapped with hooks only if a plugin implements any, so that they cost nothing otherwise."""
    if not (plugins.changes_texts or plugins.observes_answers):
        return engine
    return HookedEngine(engine, plugins, before=before, after=after)


class HookedEngine(EngineClient):
    """An engine that calls `before_generate` and `after_generate` around requests for text and labels.

    Plugins run on separate threads, so that a slow one does not delay other calls. `after_generate` does not even delay
    its own request.

    Args:
        before: Runs `before_generate`.
        after: Runs `after_generate`.
    """

    def __init__(
        self,
        engine: EngineClient,
        plugins: PluginManager,
        *,
        before: TurnPool,
        after: TurnPool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._plugins = plugins
        self._before_pool = before
        self._after_pool = after
        self._clock = clock
        self._notices: set[asyncio.Task[None]] = set()

    async def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Generate text. Leaving the iteration cancels the request."""
        call, begin, usage, error = _call(request, labels=False), self._clock(), None, "CANCELLED"
        try:
            request = await self._before(call, request)
            async with aclosing(closable(self._engine.generate(request))) as pieces:
                async for piece in pieces:
                    if piece.final is not None:
                        usage, error = piece.final.usage, ""
                    yield piece
        except ForewordError as raised:
            error = raised.reason
            raise
        finally:
            self._after(call, usage, begin, error)

    async def classify(self, request: EngineRequest) -> Classification:
        """Score the answers of a closed task."""
        call, begin, usage, error = _call(request, labels=True), self._clock(), None, "CANCELLED"
        try:
            answer = await self._engine.classify(await self._before(call, request))
            usage, error = answer.usage, ""
        except ForewordError as raised:
            error = raised.reason
            raise
        finally:
            self._after(call, usage, begin, error)
        return answer

    async def tokenize(self, tenant: str, base_model: str, text: str, *, with_texts: bool = False) -> Tokens:
        """Return the tokens of an input."""
        return await self._engine.tokenize(tenant, base_model, text, with_texts=with_texts)

    async def probe(self, base_model: str, adapter: AdapterReference | None) -> float:
        """Return the largest change in nats that the adapter makes."""
        return await self._engine.probe(base_model, adapter)

    async def preload(self, base_model: str) -> None:
        """Load a base model now instead of on first use."""
        await self._engine.preload(base_model)

    async def finish(self, timeout_seconds: float) -> None:
        """Wait until plugins have received the outcomes so far, such as those that a meter counts."""
        if self._notices:
            await asyncio.wait(self._notices, timeout=timeout_seconds)

    def load(self) -> EngineLoad:
        """Return the current load of the engine."""
        return self._engine.load()

    async def _before(self, call: InferenceCall, request: EngineRequest) -> EngineRequest:
        """Return the request with the text as changed by plugins."""
        if not self._plugins.changes_texts:
            return request
        text = await self._before_pool.run(
            request.tenant, HOOK_SECONDS, self._plugins.before_generate, call, request.text
        )
        return replace(request, text=text)

    def _after(self, call: InferenceCall, usage: TokenUsage | None, begin: float, error: str) -> None:
        """Report the outcome to plugins without waiting for them."""
        outcome = InferenceOutcome(usage=usage, seconds=self._clock() - begin, error=error)
        task = asyncio.create_task(self._notify(call, outcome), name="after_generate")
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def _notify(self, call: InferenceCall, outcome: InferenceOutcome) -> None:
        """Call `after_generate` in a thread."""
        try:
            await self._after_pool.run(call.tenant, HOOK_SECONDS, self._plugins.after_generate, call, outcome)
        except ForewordError as error:
            _log.warning("after_generate_skipped", tenant=call.tenant, reason=error.reason, error=error.message)


def _call(request: EngineRequest, *, labels: bool) -> InferenceCall:
    return InferenceCall(
        id=request.id,
        tenant=request.tenant,
        base_model=request.base_model,
        adapter_sha256=request.adapter.content_sha256 if request.adapter else "",
        labels=labels,
        shadow=request.shadow,
    )
