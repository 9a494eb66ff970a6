"""Log-probabilities of the answers of classifiers, which are chosen as a whole instead of token by token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from foreword.client import AsyncClient, GenerateResult, LabelSet, Token, TopToken
from foreword.http.openai.prompts import Prompt

_MOST_LABEL_SETS: Final = 100
_NO_ID: Final = -1


def lacks_details(result: GenerateResult) -> bool:
    """Return whether the tokens of an answer have no log-probabilities although they were asked for."""
    tokens = result.generated_tokens
    return bool(tokens) and all(token.log_probability is None for token in tokens)


async def with_label_details(
    client: AsyncClient, model: str, prompt: Prompt, result: GenerateResult, top_tokens: int
) -> GenerateResult:
    """Return an answer whose labels are one token, with the probability of the label set and the likeliest others.

    Args:
        model: The service's name of the model that has answered.
        top_tokens: Number of label sets to return beside the answer.
    """
    found = await client.classify(model, prompt, top_n=_MOST_LABEL_SETS)
    # During a rollout, the other call may be answered by another revision, whose probabilities say nothing here.
    sets = found.label_sets if found.model_version == result.model_version else ()
    own = next((item for item in sets if is_answer(result.text, item.labels)), None)
    separator = _separator(result.text, own.labels) if own is not None else ", "
    token = Token(
        text=result.text,
        id=_NO_ID,
        log_probability=None if own is None else _logarithm(own),
        top_tokens=tuple(
            TopToken(text=separator.join(item.labels), id=_NO_ID, log_probability=_logarithm(item))
            for item in sets[:top_tokens]
        ),
    )
    return replace(result, generated_tokens=(token, *result.generated_tokens[-1:]))


def is_answer(text: str, labels: Sequence[str]) -> bool:
    """Return whether a text consists of these labels, in this order, between the same separators."""
    return _separator(text, labels).join(labels) == text


def _separator(text: str, labels: Sequence[str]) -> str:
    """Return what stands between the first two labels of a text; `, ` if there are fewer."""
    if len(labels) < 2 or not text.startswith(labels[0]):
        return ", "
    begin = len(labels[0])
    end = text.find(labels[1], begin + 1)
    return text[begin:end] if end > 0 else ", "


def _logarithm(item: LabelSet) -> float:
    return math.log(max(item.probability, 5e-324))
