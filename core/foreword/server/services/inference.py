"""InferenceService: runs inference with tuned and base models."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple

from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.inference import Classification, Generation, TokenUsage
from foreword.domain.templates import input_offset
from foreword.errors import InternalError
from foreword.inference.interfaces import EngineClient, EngineRequest, Piece
from foreword.plugin.interfaces import LabelSpace
from foreword.server.callers.auth import current_caller
from foreword.server.callers.rate_quotas import RateQuotas
from foreword.server.calls.call_record import current_record
from foreword.server.calls.closable import closable
from foreword.server.calls.pools import BEGIN_SECONDS
from foreword.server.captures.seen import AnswerCapture
from foreword.server.convert import inference as convert
from foreword.server.convert.prompts import Prompt
from foreword.server.inference.answers import Answer
from foreword.server.inference.batches import settled, with_patience
from foreword.server.inference.model_resolver import ModelResolver, calibration_missing, labels_missing
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.server.inference.traffic import Traffic
from foreword.server.services.parsing import parsed as parsed_request
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import inference_service_pb2, inference_service_pb2_grpc

# A stream or a batch ends shortly before the caller's deadline, so that the results so far arrive.
_MARGIN = 0.2
_MAX_MARGIN_SECONDS = 2.0
_BATCH_ROWS = 32
"""Number of requests of one batch in the engine at a time: as many as it decodes together, so that none queues."""


class InferenceService(inference_service_pb2_grpc.InferenceServiceServicer):
    """The implementation of `foreword.v1.InferenceService`. It does not write to the database."""

    def __init__(
        self,
        *,
        engine: EngineClient,
        models: ModelResolver,
        traffic: Traffic,
        captures: AnswerCapture,
        rates: RateQuotas,
        parsing: TurnPool,
    ) -> None:
        self._engine = engine
        self._models = models
        self._traffic = traffic
        self._captures = captures
        self._rates = rates
        self._parsing = parsing

    async def Generate(
        self, request: inference_service_pb2.GenerateRequest, context: Any
    ) -> inference_service_pb2.GenerateResponse:
        """Generate text."""
        parsed = await parsed_request(self._parsing, convert.parse_text_request, request)
        return await self._answer(parsed, _deadline(context), current_record().request_id)

    async def StreamGenerate(
        self, request: inference_service_pb2.StreamGenerateRequest, context: Any
    ) -> AsyncIterator[inference_service_pb2.StreamGenerateResponse]:
        """Generate text and stream it in pieces."""
        parsed = await parsed_request(self._parsing, convert.parse_text_request, request)
        tenant, deadline = current_caller().tenant, _early_deadline(context)
        route = await self._models.route(tenant, parsed.model)

        def start(model: ResolvedModel) -> AsyncIterator[Piece]:
            return self._engine.generate(_text_request(tenant, model, parsed, deadline, stream=True))

        request_id = current_record().request_id
        pieces = self._traffic.stream(route, request_id, deadline, start, partial(self._generate, tenant, parsed))
        async with aclosing(pieces):
            async for model, piece in pieces:
                if piece.final is not None:
                    _count(piece.final.usage)
                    self._captures.text(route.capture, request_id, parsed.prompt.text, model, piece.final)
                yield convert.stream_response(piece.text, piece.final, model.version, request_id)

    async def BatchGenerate(
        self, request: inference_service_pb2.BatchGenerateRequest, context: Any
    ) -> inference_service_pb2.BatchGenerateResponse:
        """Generate text for many requests; a request that fails has its error as its result."""
        parsed = await parsed_request(self._parsing, convert.parse_batch_request, request)
        # The call itself was counted as one.
        await self._rates.take_requests(current_caller().tenant, max(0, len(parsed.items) - 1), checked=False)
        if parsed.model:
            await self._models.find(current_caller().tenant, parsed.model)
        deadline, request_id = _early_deadline(context), current_record().request_id

        async def answer(place: int, item: convert.BatchItem) -> inference_service_pb2.GenerateResponse:
            parsed_item = await parsed_request(self._parsing, convert.parse_text_request, item.request, item.byte_size)
            call = partial(self._answer, parsed_item, deadline, f"{request_id}/{place}")
            return await with_patience(call, deadline=deadline)

        calls = (partial(answer, place, item) for place, item in enumerate(parsed.items))
        outcomes = await settled(calls, limit=_BATCH_ROWS)
        response, byte_size = await self._parsing.run(
            current_caller().tenant,
            BEGIN_SECONDS,
            convert.batch_response,
            outcomes,
            parsed.max_response_bytes,
        )
        current_record().response_bytes = byte_size
        return response

    async def Classify(
        self, request: inference_service_pb2.ClassifyRequest, context: Any
    ) -> inference_service_pb2.ClassifyResponse:
        """Return labels with their probabilities, and abstain below a threshold."""
        parsed = await parsed_request(self._parsing, convert.parse_label_request, request)
        tenant = current_caller().tenant
        route = await self._models.route(tenant, parsed.model)
        ask = partial(self._classify, tenant, parsed)
        request_id = current_record().request_id
        answer = await self._traffic.answer(route, request_id, _deadline(context), ask)
        found = answer.value
        _count(found.result.usage)
        self._captures.labels(
            route.capture, request_id, parsed.prompt.text, answer.model, found.result, found.space, found.response
        )
        found.response.request_id = request_id
        return found.response

    async def Tokenize(
        self, request: inference_service_pb2.TokenizeRequest, context: Any
    ) -> inference_service_pb2.TokenizeResponse:
        """Count tokens, in total and for each part of a structured prompt."""
        parsed = await parsed_request(self._parsing, convert.parse_count_request, request)
        tenant = current_caller().tenant
        resolved = await self._models.find(tenant, parsed.model)
        whole = await self._engine.tokenize(
            tenant, resolved.base_model, resolved.text(parsed.prompt.text), with_texts=parsed.return_tokens
        )
        current_record().input_tokens += len(whole.ids)
        parts = await self._part_counts(tenant, resolved, parsed.prompt, len(whole.ids))
        return inference_service_pb2.TokenizeResponse(
            token_count=len(whole.ids),
            tokens=whole.texts,
            part_token_counts=parts,
            soft_prompt_tokens=resolved.soft_prompt_tokens,
        )

    async def _answer(
        self, parsed: convert.TextRequest, deadline: float | None, request_id: str
    ) -> inference_service_pb2.GenerateResponse:
        """Return the whole answer to one request."""
        tenant = current_caller().tenant
        route = await self._models.route(tenant, parsed.model)
        answer = await self._traffic.answer(route, request_id, deadline, partial(self._generate, tenant, parsed))
        _count(answer.value.usage)
        self._captures.text(route.capture, request_id, parsed.prompt.text, answer.model, answer.value)
        return convert.generate_response(answer.value, answer.model.version, request_id)

    async def _generate(
        self,
        tenant: str,
        parsed: convert.TextRequest,
        model: ResolvedModel,
        deadline: float | None,
        *,
        shadow: bool = False,
    ) -> Answer[Generation]:
        """Return the whole answer of one model."""
        request = _text_request(tenant, model, parsed, deadline, stream=False, shadow=shadow)
        final: Generation | None = None
        async with aclosing(closable(self._engine.generate(request))) as pieces:
            async for piece in pieces:
                final = piece.final or final
        answer = _finished(final)
        return Answer(model=model, value=answer, shown=answer.text)

    async def _classify(
        self,
        tenant: str,
        parsed: convert.LabelRequest,
        model: ResolvedModel,
        deadline: float | None,
        *,
        shadow: bool = False,
    ) -> Answer[_Labels]:
        """Return the labels of one model."""
        space = _label_space(model, parsed)
        calibration = _calibration(model, parsed)
        result = await self._engine.classify(
            EngineRequest(
                id=secrets.token_hex(8),
                tenant=tenant,
                base_model=model.base_model,
                deployment=model.deployment,
                model=model.version,
                adapter=model.adapter,
                text=model.text(parsed.prompt.text),
                parameters=parsed.fitted(model.context_tokens),
                deadline=deadline,
                label_space=space,
                label_temperature=model.label_temperature,
                stream=False,
                shadow=shadow,
            )
        )
        threshold = parsed.options.least_probability(result.label_sets[0].labels, calibration)
        response = convert.classify_response(result, space, parsed, threshold, model.version)
        return Answer(
            model=model,
            value=_Labels(result, response, space),
            shown=tuple(response.labels),
            abstained=response.abstained,
        )

    async def _part_counts(self, tenant: str, resolved: ResolvedModel, prompt: Prompt, total: int) -> dict[str, int]:
        """Return the number of tokens that each part of a structured prompt adds; `template` is the rest.

        A token may span two parts, so the count of a part is the growth of the text up to its end.
        """
        if prompt.structured is None:
            return {}
        text, offset = resolved.text(prompt.text), input_offset(resolved.verbalizer)
        counts: dict[str, int] = {}
        counted = 0
        for part, (start, end) in prompt.structured.spans().items():
            if start == end:
                counts[part] = 0
                continue
            ends = []
            for place in (start, end):
                tokens = await self._engine.tokenize(tenant, resolved.base_model, text[: offset + place])
                ends.append(min(max(counted, len(tokens.ids)), total))
                counted = ends[-1]
            counts[part] = ends[1] - ends[0]
        counts["template"] = total - sum(counts.values())
        return counts


class _Labels(NamedTuple):
    result: Classification
    response: inference_service_pb2.ClassifyResponse
    space: LabelSpace


def _text_request(
    tenant: str,
    model: ResolvedModel,
    parsed: convert.TextRequest,
    deadline: float | None,
    *,
    stream: bool,
    shadow: bool = False,
) -> EngineRequest:
    """Return the request to the engine for the answer of one model."""
    return EngineRequest(
        id=secrets.token_hex(8),
        tenant=tenant,
        base_model=model.base_model,
        deployment=model.deployment,
        model=model.version,
        adapter=model.adapter,
        text=model.text(parsed.prompt.text),
        parameters=parsed.fitted(model.context_tokens),
        deadline=deadline,
        label_space=model.label_space,
        stream=stream,
        shadow=shadow,
    )


def _label_space(resolved: ResolvedModel, parsed: convert.LabelRequest) -> LabelSpace:
    """Return the labels to choose from: those of the tuned model, or else those of the request."""
    space = resolved.label_space or parsed.label_space
    if space is None:
        raise labels_missing(resolved.version)
    return space


def _calibration(resolved: ResolvedModel, parsed: convert.LabelRequest) -> AnswerCalibration | None:
    """Return the calibration of the model, which a request with a precision needs."""
    if parsed.options.min_precision is not None and resolved.calibration is None:
        raise calibration_missing(resolved.version)
    return resolved.calibration


def _deadline(context: Any) -> float | None:
    """Return the deadline of the call on the clock of `time.monotonic()`; None if it has none."""
    remaining: float | None = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining


def _early_deadline(context: Any) -> float | None:
    """Return the earlier deadline of an answer that is useful even if it is unfinished."""
    remaining: float | None = context.time_remaining()
    if remaining is None:
        return None
    return time.monotonic() + remaining - min(_MAX_MARGIN_SECONDS, _MARGIN * remaining)


def _count(usage: TokenUsage) -> None:
    """Add the tokens of an answer to the record of the RPC."""
    record = current_record()
    record.input_tokens += usage.input_tokens
    record.generated_tokens += usage.generated_tokens


def _finished(answer: Generation | None) -> Generation:
    if answer is None:
        raise InternalError("The engine ended an answer without its last piece. Try again.")
    return answer
