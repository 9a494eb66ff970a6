"""The tokens of an answer and of its input, for requests that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from foreword.domain.inference import ReturnOptions, Token, TopToken
from foreword.inference.decoding.token_details import TokenDetail
from foreword.inference.engine.job import Job
from foreword.inference.interfaces import EngineRequest, Piece
from foreword.inference.runner import ModelRunner


def returns_tokens(request: EngineRequest) -> bool:
    """Return whether the answer to a request contains anything besides its text."""
    options = request.parameters.return_options
    return options.input_text or options.input_tokens or options.generated_tokens


def with_tokens(piece: Piece, job: Job, runner: ModelRunner) -> Piece:
    """Add the tokens that the request asked for to the last piece of its answer."""
    assert piece.final is not None
    assert job.decoded is not None
    options, decoded = job.request.parameters.return_options, job.decoded
    text_of = _texts(runner)
    final = replace(
        piece.final,
        input_text=job.request.text if options.input_text else None,
        input_tokens=_tokens(job.ids, decoded.input_details, options, text_of) if options.input_tokens else (),
        generated_tokens=_tokens(decoded.ids, decoded.details, options, text_of) if options.generated_tokens else (),
    )
    return replace(piece, final=final)


def _texts(runner: ModelRunner) -> Callable[[int], str]:
    """Return the text of a token, computed once: the likeliest tokens at several positions are often the same."""
    return cache(lambda token: runner.token_texts([token])[0])


def _tokens(
    ids: Sequence[int], details: Sequence[TokenDetail], options: ReturnOptions, text_of: Callable[[int], str]
) -> tuple[Token, ...]:
    """Return tokens with their details, which the first tokens may lack."""
    padded = [*[None] * (len(ids) - len(details)), *details]
    return tuple(_token(token, detail, options, text_of) for token, detail in zip(ids, padded, strict=True))


def _token(token: int, detail: TokenDetail | None, options: ReturnOptions, text_of: Callable[[int], str]) -> Token:
    if detail is None:
        return Token(text=text_of(token), id=token)
    return Token(
        text=text_of(token),
        id=token,
        log_probability=detail.log_probability if options.token_log_probabilities else None,
        rank=detail.rank if options.token_ranks else None,
        top_tokens=tuple(
            TopToken(text=text_of(other), id=other, log_probability=log_probability)
            for other, log_probability in detail.top
        ),
    )
