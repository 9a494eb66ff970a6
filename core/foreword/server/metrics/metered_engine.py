"""An engine whose requests and tokens are counted by tenant and deployment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from foreword.domain.inference import Classification, TokenUsage
from foreword.inference.interfaces import AdapterReference, EngineClient, EngineLoad, EngineRequest, Piece, Tokens
from foreword.observability.metrics.inference import InferenceMetrics
from foreword.server.calls.closable import closable

_OK, _CANCELLED, _ERROR, _SHADOW = "ok", "cancelled", "error", "shadow"


class MeteredEngine(EngineClient):
    """An engine that counts requests for text and labels, by outcome, and the tokens of their answers.

    Requests of shadows have an outcome of their own, and their tokens are not counted: no caller asked for them.
    """

    def __init__(self, engine: EngineClient, metrics: InferenceMetrics) -> None:
        self._engine = engine
        self._metrics = metrics

    async def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Generate text. Leaving the iteration cancels the request."""
        outcome = _CANCELLED
        try:
            async with aclosing(closable(self._engine.generate(request))) as pieces:
                async for piece in pieces:
                    if piece.final is not None:
                        outcome = _OK
                        self._count(request, piece.final.usage)
                    yield piece
        except Exception:
            outcome = _ERROR
            raise
        finally:
            self._ended(request, outcome)

    async def classify(self, request: EngineRequest) -> Classification:
        """Score the answers of a closed task."""
        outcome = _ERROR
        try:
            answer = await self._engine.classify(request)
            outcome = _OK
        except asyncio.CancelledError:
            outcome = _CANCELLED
            raise
        finally:
            self._ended(request, outcome)
        self._count(request, answer.usage)
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

    def load(self) -> EngineLoad:
        """Return the current load of the engine."""
        return self._engine.load()

    def _ended(self, request: EngineRequest, outcome: str) -> None:
        shown = _SHADOW if request.shadow else outcome
        self._metrics.ended(tenant=request.tenant, deployment=request.deployment, outcome=shown)

    def _count(self, request: EngineRequest, usage: TokenUsage) -> None:
        if request.shadow:
            return
        self._metrics.used(
            tenant=request.tenant,
            deployment=request.deployment,
            input=usage.input_tokens,
            soft_prompt=usage.soft_prompt_tokens,
            generated=usage.generated_tokens,
        )
