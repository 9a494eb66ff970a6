"""An engine whose requests have spans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from opentelemetry.trace import Span, Status, StatusCode, Tracer

from foreword.domain.inference import Classification, TokenUsage
from foreword.errors import ForewordError
from foreword.inference.interfaces import AdapterReference, EngineClient, EngineLoad, EngineRequest, Piece, Tokens
from foreword.server.calls.closable import closable

_CANCELLED = "CANCELLED"


class TracedEngine(EngineClient):
    """An engine with a span for each request for text or labels, below the span of the RPC that asks for it."""

    def __init__(self, engine: EngineClient, tracer: Tracer) -> None:
        self._engine = engine
        self._tracer = tracer

    async def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Generate text. Leaving the iteration cancels the request."""
        span, error = self._start("text_completion", request), _CANCELLED
        try:
            async with aclosing(closable(self._engine.generate(request))) as pieces:
                async for piece in pieces:
                    if piece.final is not None:
                        error = ""
                        _answered(span, request, piece.final.usage, piece.final.queue_seconds)
                        span.set_attribute("gen_ai.response.finish_reasons", [piece.final.stop_reason.value])
                    yield piece
        except Exception as raised:
            error = _error_type(raised)
            raise
        finally:
            _end(span, error)

    async def classify(self, request: EngineRequest) -> Classification:
        """Score the answers of a closed task."""
        span, error = self._start("classify", request), ""
        try:
            answer = await self._engine.classify(request)
            _answered(span, request, answer.usage, answer.queue_seconds)
        except asyncio.CancelledError:
            error = _CANCELLED
            raise
        except Exception as raised:
            error = _error_type(raised)
            raise
        finally:
            _end(span, error)
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

    def _start(self, operation: str, request: EngineRequest) -> Span:
        """Start a span below the current one.

        It is not made the current one: a generator is left and entered again, also by other tasks.

        Args:
            operation: `text_completion` of the semantic conventions, or `classify`, for which they have no name.
        """
        asked = request.deployment or request.model or request.base_model
        span = self._tracer.start_span(
            f"{operation} {asked}",
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": "foreword",
                "gen_ai.request.model": asked,
                "foreword.base_model": request.base_model,
                "foreword.shadow": request.shadow,
            },
        )
        if operation == "text_completion":
            span.set_attribute("gen_ai.request.max_tokens", request.parameters.max_new_tokens)
            span.set_attribute("gen_ai.request.stream", request.stream)
        return span


def _answered(span: Span, request: EngineRequest, usage: TokenUsage, queue_seconds: float) -> None:
    """Add what is known of an answer, but not its text."""
    span.set_attributes(
        {
            "gen_ai.response.model": request.model or request.base_model,
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.generated_tokens,
            "foreword.usage.soft_prompt_tokens": usage.soft_prompt_tokens,
            "foreword.queue_seconds": queue_seconds,
        }
    )


def _error_type(error: Exception) -> str:
    """Return the reason of an error. Its message may contain texts."""
    return error.reason if isinstance(error, ForewordError) else type(error).__name__


def _end(span: Span, error: str) -> None:
    """End a span. A request that its caller has cancelled is no error."""
    if error:
        span.set_attribute("error.type", error)
        if error != _CANCELLED:
            span.set_status(Status(StatusCode.ERROR))
    span.end()
