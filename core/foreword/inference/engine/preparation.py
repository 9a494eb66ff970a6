"""The preparation of a request before it reaches the engine's thread: its text is checked, its tokens are counted."""

from __future__ import annotations

import asyncio
from typing import Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN
from foreword.errors import InvalidArgumentError
from foreword.inference.engine.job import Job
from foreword.inference.interfaces import EngineRequest
from foreword.inference.labels.candidates import Candidates, check_label_characters, estimate_label_tokens
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.runner import ModelRunner

_CHARACTERS_PER_TOKEN: Final = 3
"""Rough, for the queue's bound before a text is tokenized."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text without a tokenizer."""
    return len(text) // _CHARACTERS_PER_TOKEN


def estimate_cost(request: EngineRequest, text: str, candidates: Candidates | None) -> int:
    """Estimate the tokens of a request without a tokenizer: input, and answer or answers to score.

    Args:
        text: What `readable_text` leaves of the request's text.
        candidates: The answers of a closed task, if they are known; their number is exact.

    Raises:
        InvalidArgumentError: There are no labels or far too many (field `labels`).
    """
    space = request.label_space
    if space is None:
        return estimate_tokens(text) + request.parameters.max_new_tokens
    if candidates is not None:
        return estimate_tokens(text) + candidates.num_tokens
    if not space.labels:
        raise InvalidArgumentError.of("labels", "must hold at least one label")
    check_label_characters(space)
    return estimate_tokens(text) + estimate_label_tokens(space)


def readable_text(request: EngineRequest, spec: BaseModelSpec) -> str:
    """Return the text to tokenize: of one that is to be cut, no more than can be left of it.

    Raises:
        InvalidArgumentError: The text cannot fit (field `text`).
    """
    if request.parameters.truncate_input_tokens:
        return request.text[-spec.context_tokens * MOST_CHARACTERS_PER_TOKEN :]
    check_characters(request.text, spec)
    return request.text


def check_characters(text: str, spec: BaseModelSpec) -> None:
    """Refuse a text that cannot fit, before any time is spent on it.

    Raises:
        InvalidArgumentError: The text cannot fit (field `text`).
    """
    most = spec.context_tokens * MOST_CHARACTERS_PER_TOKEN
    if len(text) > most:
        raise InvalidArgumentError.of(
            "text",
            f"has {len(text):,} characters, more than the {spec.context_tokens} tokens of {spec.id} can "
            f"ever hold; shorten it to at most {most:,} characters",
            reason="TEXT_TOO_LONG",
        )


def make_job(
    request: EngineRequest,
    text: str,
    *,
    runner: ModelRunner,
    adapter: LoadedAdapter | None,
    candidates: Candidates | None,
    labels: bool,
    loop: asyncio.AbstractEventLoop,
) -> Job:
    """Tokenize a request and check that it fits. Call it on a loader thread.

    Args:
        text: What `readable_text` leaves of the request's text.
        candidates: The answers of a closed task; None for free text.
        labels: Whether the caller wants labels instead of text.
        loop: Event loop of the caller.

    Raises:
        InvalidArgumentError: The input or an answer of a closed task does not fit.
    """
    field = "truncate_input_tokens" if labels else "parameters.truncate_input_tokens"
    ids = runner.input_ids(text, request.parameters.truncate_input_tokens, field=field)
    runner.check_length(len(ids), adapter, candidates)
    cost = candidates.num_tokens if candidates else request.parameters.max_new_tokens
    return Job(
        request=request,
        loop=loop,
        answers=asyncio.Queue(),
        ids=ids,
        adapter=adapter,
        tokens=len(ids) + cost,
        candidates=candidates,
        labels=labels,
    )
