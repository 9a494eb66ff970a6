"""Tokens with their log-probabilities in OpenAI's forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foreword.client import GenerateResult, StopReason, Token

_UNKNOWN = "\ufffd"
_LEAST = -9999.0
"""OpenAI's value for a log-probability that is not known."""


def chat_logprobs(result: GenerateResult) -> dict[str, Any]:
    """Return the tokens of an answer in the form of chat completions."""
    content = [
        {
            "token": token.text,
            "logprob": _value(token.log_probability),
            "bytes": _bytes(token.text),
            "top_logprobs": [
                {"token": top.text, "logprob": top.log_probability, "bytes": _bytes(top.text)}
                for top in token.top_tokens
            ],
        }
        for token in answer_tokens(result)
    ]
    return {"content": content, "refusal": None}


def completion_logprobs(result: GenerateResult) -> dict[str, Any]:
    """Return the tokens of an answer in the form of completions."""
    tokens = list(answer_tokens(result))
    offsets, length = [], 0
    for token in tokens:
        offsets.append(length)
        length += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [_value(token.log_probability) for token in tokens],
        "top_logprobs": [{top.text: top.log_probability for top in token.top_tokens} for token in tokens],
        "text_offset": offsets,
    }


def answer_tokens(result: GenerateResult) -> Iterator[Token]:
    """Yield the tokens of the text of an answer: without the end token, and those of a removed stop sequence."""
    tokens = result.generated_tokens
    if result.stop_reason is StopReason.EOS_TOKEN:
        tokens = tokens[:-1]
    length = 0
    for token in tokens:
        if result.stop_reason is StopReason.STOP_SEQUENCE and length >= len(result.text):
            return
        length += len(token.text)
        yield token


def _value(log_probability: float | None) -> float:
    return _LEAST if log_probability is None else log_probability


def _bytes(text: str) -> list[int] | None:
    """Return the bytes of a token; None for a part of a character."""
    return None if _UNKNOWN in text else list(text.encode())
