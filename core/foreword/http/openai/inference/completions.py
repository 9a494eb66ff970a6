"""Completions of plain texts."""

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
from foreword.http.openai.inference.token_details import completion_logprobs

_TOKENS: Final = "must be a string or a list of strings; prompts as token ids cannot be honoured: send the text"


async def create_completion(request: Request) -> Response:
    """Complete one or more texts, as a whole or as a stream of events."""
    client = client_of(request)
    generation = await json_body(request, parse_request, Generation.sent_bytes)
    await hold_calls(request, generation.calls)
    if generation.stream:
        return EventStream(_events(client, generation), error_body)
    results = await answered(request, generation.answers(client))
    choices = [_choice(generation, place, result.text, result) for place, result in enumerate(results)]
    answer = {**_head(generation.model), "choices": choices, "usage": generation.usage(results)}
    return JSONResponse({**answer, "system_fingerprint": results[0].model_version})


def parse_request(body: dict[str, Any]) -> Generation:
    """Return the request for answers.

    Raises:
        RequestError: A parameter is invalid, or cannot be honoured. The error names it.
    """
    fields = Fields(body)
    model = fields.text("model", required=True)
    prompts = _prompts(fields)
    choices = fields.integer("n", 1, MAX_CHOICES) or 1
    if len(prompts) * choices > MAX_CHOICES:
        raise fields.fault("prompt", f"must hold at most {MAX_CHOICES} texts, multiplied by n")
    top_tokens = fields.integer("logprobs", 0, MAX_LOGPROBS)
    max_tokens = parse_max_tokens(fields, "max_tokens")
    details = top_tokens is not None
    parameters = parse_parameters(fields, details=details, top_tokens=top_tokens or 0, max_tokens=max_tokens)
    check_size(fields, prompts, choices)
    seed = parse_seed(fields)
    stream, include_usage = parse_stream(fields)
    fields.only("best_of", (1, choices), "the service does not choose among answers; set n instead")
    fields.only("echo", (False,), "answers do not repeat their prompts; leave it out")
    fields.only("suffix", ("",), "models of this service do not insert texts; leave it out")
    fields.finish()
    return Generation(
        prompt_fields={"text": "prompt"},
        model=model,
        prompts=prompts,
        choices=choices,
        parameters=parameters,
        seed=seed,
        details=details,
        stream=stream,
        include_usage=include_usage,
    )


def _prompts(fields: Fields) -> list[str]:
    value = fields.value("prompt")
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise fields.fault("prompt", _TOKENS)
    if not value:
        raise fields.fault("prompt", "must hold at least one text")
    return value


async def _events(client: AsyncClient, generation: Generation) -> AsyncGenerator[Any]:
    head = _head(generation.model)
    usage = {"usage": None} if generation.include_usage else {}
    results: dict[int, GenerateResult] = {}
    async with aclosing(generation.pieces(client)) as pieces:
        async for place, piece in pieces:
            if piece.result is not None:
                results[place] = piece.result
            fingerprint = {} if piece.result is None else {"system_fingerprint": piece.result.model_version}
            yield {**head, "choices": [_choice(generation, place, piece.text, piece.result)], **usage, **fingerprint}
    if generation.include_usage:
        counts = generation.usage([results[place] for place in sorted(results)])
        yield {**head, "choices": [], "usage": counts}
    yield DONE


def _choice(generation: Generation, place: int, text: str, result: GenerateResult | None) -> dict[str, Any]:
    """Return a choice, or a part of it if there is no result yet."""
    return {
        "index": place,
        "text": text,
        "logprobs": completion_logprobs(result) if result is not None and generation.details else None,
        "finish_reason": None if result is None else finish_reason(result),
    }


def _head(model: str) -> dict[str, Any]:
    return {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
    }
