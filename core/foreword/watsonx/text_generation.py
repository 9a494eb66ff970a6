"""Text generation for ModelInference and the deployments."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from foreword.client import Client, GenerateResult, Token
from foreword.errors import InvalidArgumentError
from foreword.watsonx.generation_params import generation_arguments
from foreword.watsonx.names import model_id
from foreword.watsonx.times import written

Answer = dict[str, Any]
"""One answer in the format of the REST API: `model_id`, `created_at` and one entry in `results`."""

Params = Mapping[str, Any]
"""Generation parameters by `GenTextParamsMetaNames`."""

Answers = Answer | list[Answer]
Prompts = str | Sequence[str]
Texts = str | list[str]

Item = TypeVar("Item")
Result = TypeVar("Result")


class TextGeneration:
    """Text generation with one model.

    Args:
        model: Resource name of a deployment or a base model.
        params: Default parameters of calls.
    """

    def __init__(self, client: Client, model: str, params: Params | None) -> None:
        self._client = client
        self._model = model
        self._params = params
        generation_arguments(params)  # reports faults here rather than at the first call

    def generate(self, prompt: Prompts, params: Params | None, concurrency_limit: int) -> Answers:
        """Return an answer to a prompt, or a list of answers to a list of prompts."""
        results = self._results(prompt, params, concurrency_limit)
        return _answer(results) if isinstance(results, GenerateResult) else [_answer(item) for item in results]

    def generate_text(self, prompt: Prompts, params: Params | None, concurrency_limit: int) -> Texts:
        """Return a text for a prompt, or a list of texts for a list of prompts."""
        results = self._results(prompt, params, concurrency_limit)
        return _text_of(results) if isinstance(results, GenerateResult) else [_text_of(item) for item in results]

    def stream_text(self, prompt: str, params: Params | None) -> Iterator[str]:
        """Yield the text of the answer in pieces."""
        for text, _ in self._pieces(prompt, params):
            if text:
                yield text

    def stream(self, prompt: str, params: Params | None) -> Iterator[Answer]:
        """Yield pieces in the format of whole answers; the last one has the counts and the stop reason."""
        for text, result in self._pieces(prompt, params):
            if result is None:
                yield {"results": [{"generated_text": text, "stop_reason": "not_finished"}]}
            else:
                answer = _answer(result)
                answer["results"][0]["generated_text"] = text
                yield answer

    def tokenize(self, prompt: str, return_tokens: bool) -> dict[str, Any]:
        """Return the number of tokens, and the tokens if requested."""
        found = self._client.tokenize(self._model, _text(prompt), return_tokens=return_tokens)
        result: dict[str, Any] = {"token_count": found.token_count}
        if return_tokens:
            result["tokens"] = list(found.tokens)
        return {"model_id": model_id(self._model), "result": result}

    def _results(
        self, prompt: Prompts, params: Params | None, concurrency_limit: int
    ) -> GenerateResult | list[GenerateResult]:
        arguments = generation_arguments(self._params if params is None else params)

        def ask(text: str) -> GenerateResult:
            return self._client.generate(self._model, text, **arguments)

        if isinstance(prompt, str):
            return ask(prompt)
        return in_parallel(ask, [_text(item) for item in prompt], concurrency_limit)

    def _pieces(self, prompt: str, params: Params | None) -> Iterator[tuple[str, GenerateResult | None]]:
        arguments = generation_arguments(self._params if params is None else params)
        for piece in self._client.stream_generate(self._model, _text(prompt), **arguments):
            yield piece.text, piece.result


def in_parallel(call: Callable[[Item], Result], items: Sequence[Item], limit: int) -> list[Result]:
    """Make a call for every item, at most `limit` at a time, and return the results in the order of the items.

    The first failure is raised. Calls that have not started by then are not made.

    Raises:
        InvalidArgumentError: The limit is below 1.
    """
    if limit < 1:
        raise InvalidArgumentError.of("concurrency_limit", f"must be at least 1, not {limit}")
    if not items:
        return []
    over = threading.Event()

    def begin(item: Item) -> Result | None:
        if over.is_set():
            return None  # not used: an earlier call failed, and its error is raised
        try:
            return call(item)
        except Exception:
            over.set()
            raise

    with ThreadPoolExecutor(min(limit, len(items)), thread_name_prefix="foreword-watsonx") as threads:
        futures = [threads.submit(begin, item) for item in items]
        try:
            return cast("list[Result]", [future.result() for future in futures])
        finally:
            over.set()


def _text(prompt: Any) -> str:
    if not isinstance(prompt, str):
        raise InvalidArgumentError.of("prompt", f"must be text, not a {type(prompt).__name__}")
    return prompt


def _text_of(result: GenerateResult) -> str:
    """Return the answer, after the input if that was requested, as the retired service does."""
    return (result.input_text or "") + result.text


def _answer(result: GenerateResult) -> Answer:
    found: dict[str, Any] = {
        "generated_text": _text_of(result),
        "generated_token_count": result.usage.generated_tokens,
        "input_token_count": result.usage.input_tokens,
        "stop_reason": result.stop_reason.value,
        "seed": result.seed,
    }
    if result.generated_tokens:
        found["generated_tokens"] = [_token(token) for token in result.generated_tokens]
    if result.input_tokens:
        found["input_tokens"] = [_token(token) for token in result.input_tokens]
    return {"model_id": model_id(result.model_version), "created_at": written(datetime.now(UTC)), "results": [found]}


def _token(token: Token) -> dict[str, Any]:
    """Return a token with its known properties."""
    found: dict[str, Any] = {"text": token.text}
    if token.log_probability is not None:
        found["logprob"] = token.log_probability
    if token.rank is not None:
        found["rank"] = token.rank
    if token.top_tokens:
        found["top_tokens"] = [{"text": item.text, "logprob": item.log_probability} for item in token.top_tokens]
    return found
