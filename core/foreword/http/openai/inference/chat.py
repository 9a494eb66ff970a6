"""Chat completions."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foreword.client import AsyncClient, GenerateResult
from foreword.http.bodies import json_body
from foreword.http.budgets import hold_calls
from foreword.http.callers import client_of
from foreword.http.disconnects import answered
from foreword.http.event_stream import DONE, EventStream
from foreword.http.openai.errors import error_body
from foreword.http.openai.fields import Fields
from foreword.http.openai.inference.generation import (
    MAX_CHOICES,
    MAX_LOGPROBS,
    Generation,
    check_size,
    finish_reason,
    parse_max_tokens,
    parse_parameters,
    parse_seed,
    parse_stream,
)
from foreword.http.openai.inference.token_details import chat_logprobs
from foreword.http.openai.prompts import message_fields, parse_messages

_NO_TOOLS: Final = "models of this service call no tools; leave it out"
_TEXT_ONLY: Final = "models of this service read and write text only; leave it out"


async def create_chat_completion(request: Request) -> Response:
    """Answer a conversation, as a whole or as a stream of events."""
    client = client_of(request)
    generation = await json_body(request, parse_request, Generation.sent_bytes)
    await hold_calls(request, generation.calls)
    if generation.stream:
        return EventStream(_events(client, generation), error_body)
    results = await answered(request, generation.answers(client))
    choices = [
        {
            "index": place,
            "message": {"role": "assistant", "content": result.text, "refusal": None},
            "logprobs": chat_logprobs(result) if generation.details else None,
            "finish_reason": finish_reason(result),
        }
        for place, result in enumerate(results)
    ]
    head = _head("chat.completion", generation.model)
    answer = {**head, "choices": choices, "usage": generation.usage(results)}
    return JSONResponse({**answer, "system_fingerprint": results[0].model_version})


def parse_request(body: dict[str, Any]) -> Generation:
    """Return the request for answers.

    Raises:
        RequestError: A parameter is invalid, or cannot be honoured. The error names it.
    """
    fields = Fields(body)
    model = fields.text("model", required=True)
    messages = fields.items("messages")
    prompt = parse_messages(messages)
    choices = fields.integer("n", 1, MAX_CHOICES) or 1
    details = fields.flag("logprobs")
    top_tokens = fields.integer("top_logprobs", 0, MAX_LOGPROBS)
    if top_tokens is not None and not details:
        raise fields.fault("top_logprobs", "can only be set together with logprobs")
    max_tokens = parse_max_tokens(fields, "max_completion_tokens", "max_tokens")
    parameters = parse_parameters(fields, details=details, top_tokens=top_tokens or 0, max_tokens=max_tokens)
    check_size(fields, (prompt,), choices)
    seed = parse_seed(fields)
    stream, include_usage = parse_stream(fields)
    _refuse_others(fields)
    fields.finish()
    return Generation(
        prompt_fields=message_fields(prompt, len(messages)),
        model=model,
        prompts=(prompt,),
        choices=choices,
        parameters=parameters,
        seed=seed,
        details=details,
        stream=stream,
        include_usage=include_usage,
    )


def _refuse_others(fields: Fields) -> None:
    """Refuse the parameters of OpenAI that no model of the service has, unless they ask for nothing."""
    for name in ("tools", "functions"):
        fields.only(name, ([],), _NO_TOOLS)
    for name in ("tool_choice", "function_call"):
        fields.only(name, ("none", "auto"), _NO_TOOLS)
    fields.only("parallel_tool_calls", (True, False), _NO_TOOLS)
    fields.only(
        "response_format", ({"type": "text"},), "answers have the form that a model was tuned for; leave it out"
    )
    fields.only("modalities", (["text"],), _TEXT_ONLY)
    fields.only("audio", (), _TEXT_ONLY)
    fields.only("prediction", (), "answers are not predicted; leave it out")
    fields.only("store", (False,), "answers are not stored; leave it out")
    fields.only("metadata", ({},), "answers are not stored, so they have no metadata; leave it out")
    fields.only("service_tier", ("auto", "default"), "there is one tier; leave it out")
    fields.only("reasoning_effort", ("none",), "models of this service do not reason; leave it out")
    fields.only("verbosity", (), "set max_completion_tokens instead")
    fields.only("web_search_options", (), "models of this service search nothing; leave it out")
    fields.ignore_texts("safety_identifier", "prompt_cache_key", "prompt_cache_retention")


async def _events(client: AsyncClient, generation: Generation) -> AsyncGenerator[Any]:
    head = _head("chat.completion.chunk", generation.model)
    begun: set[int] = set()
    results: dict[int, GenerateResult] = {}

    def chunk(place: int, delta: dict[str, Any], result: GenerateResult | None = None) -> dict[str, Any]:
        choice = {
            "index": place,
            "delta": delta,
            "logprobs": chat_logprobs(result) if result is not None and generation.details else None,
            "finish_reason": None if result is None else finish_reason(result),
        }
        usage = {"usage": None} if generation.include_usage else {}
        fingerprint = {} if result is None else {"system_fingerprint": result.model_version}
        return {**head, "choices": [choice], **usage, **fingerprint}

    async with aclosing(generation.pieces(client)) as pieces:
        async for place, piece in pieces:
            if place not in begun:
                begun.add(place)
                yield chunk(place, {"role": "assistant", "content": ""})
            if piece.text:
                yield chunk(place, {"content": piece.text})
            if piece.result is not None:
                results[place] = piece.result
                yield chunk(place, {}, piece.result)
    if generation.include_usage:
        counts = generation.usage([results[place] for place in sorted(results)])
        yield {**head, "choices": [], "usage": counts}
    yield DONE


def _head(kind: str, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{secrets.token_hex(12)}", "object": kind, "created": int(time.time()), "model": model}
