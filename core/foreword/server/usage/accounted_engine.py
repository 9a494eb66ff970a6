"""An engine whose answers are counted as usage of their tenants, within their quotas of tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from foreword.domain.inference import Classification, TokenUsage
from foreword.inference.interfaces import AdapterReference, EngineClient, EngineLoad, EngineRequest, Piece, Tokens
from foreword.names import BaseModelName
from foreword.server.callers.rate_quotas import RateQuotas
from foreword.server.calls.closable import closable
from foreword.server.usage.meter import UsageMeter


class AccountedEngine(EngineClient):
    """An engine that counts the answers to requests of callers; those of shadows cost nothing."""

    def __init__(self, engine: EngineClient, meter: UsageMeter, rates: RateQuotas) -> None:
        self._engine = engine
        self._meter = meter
        self._rates = rates

    async def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Generate text. Leaving the iteration cancels the request, and counts what was taken of the answer.

        Raises:
            ExhaustedError: The tenant has no token left in this second.
        """
        await self._check(request)
        taken: TokenUsage | None = None
        try:
            async with aclosing(closable(self._engine.generate(request))) as pieces:
                async for piece in pieces:
                    if piece.final is not None:
                        taken = None
                        self._count(request, piece.final.usage)
                    yield piece
                    if piece.final is None:  # whoever has not come back may be a canary's rescue that nobody needs
                        taken = piece.usage
        finally:
            if taken is not None:
                self._count(request, taken)

    async def classify(self, request: EngineRequest) -> Classification:
        """Score the answers of a closed task.

        Raises:
            ExhaustedError: The tenant has no token left in this second.
        """
        await self._check(request)
        answer = await self._engine.classify(request)
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

    async def _check(self, request: EngineRequest) -> None:
        if not request.shadow:
            await self._rates.check_tokens(request.tenant)

    def _count(self, request: EngineRequest, usage: TokenUsage) -> None:
        if request.shadow:
            return
        self._meter.answered(request.tenant, request.model or str(BaseModelName(request.base_model)), usage)
        self._rates.take_tokens(request.tenant, usage)
