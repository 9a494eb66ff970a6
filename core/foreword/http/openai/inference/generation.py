"""The parameters that completions and chat completions share, and the answers of the service to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from foreword.client import AsyncClient, GenerateKeywords, GeneratePiece, GenerateResult, ReturnOptions, StopReason
from foreword.errors import InvalidArgumentError
from foreword.http.disconnects import merged
from foreword.http.openai.fields import Fields
from foreword.http.openai.inference.label_details import lacks_details, with_label_details
from foreword.http.openai.model_names import service_name
from foreword.http.openai.prompts import Prompt

MAX_CHOICES: Final = 128
"""Maximum number of choices of a request, for all its prompts together."""
MAX_LOGPROBS: Final = 20
_MOST_CHARACTERS: Final = 2**24
"""Maximum size of all prompts, multiplied by the number of choices: each choice is a call of its own."""
_BYTES_OF_CHARACTER: Final = 4
_MOST_STOPS: Final = 6
_SEEDS: Final = 2**32
_MOST_TOKENS: Final = 2**31 - 1
_LARGEST_SEED: Final = 2**63 - 1
_NO_PENALTY: Final = "the service has no such penalty; leave it out or set it to 0"
_ENDS: Final = {
    StopReason.EOS_TOKEN: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.MAX_TOKENS: "length",
    StopReason.TIME_LIMIT: "length",
    StopReason.CANCELLED: "stop",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A request for answers.

    Attributes:
        prompt_fields: The request's names of the service's fields of a prompt, for errors.
        model: The model as the request names it.
        prompts: One or more prompts, each with `choices` answers.
        seed: Seed of the first answer; the following ones have the next. None for seeds drawn at random.
        details: Whether to return tokens with their log-probabilities.
        include_usage: Whether a stream ends with its token counts.
    """

    prompt_fields: Mapping[str, str]
    model: str
    prompts: Sequence[Prompt]
    choices: int
    parameters: GenerateKeywords
    seed: int | None
    details: bool
    stream: bool
    include_usage: bool

    @property
    def calls(self) -> int:
        """Number of calls of the service."""
        return self.choices * len(self.prompts)

    def sent_bytes(self) -> int:
        """Return the size of all calls of the service, at most; each choice is a call with a copy of its prompt."""
        return self.choices * sum(_most_bytes(prompt) for prompt in self.prompts)

    async def answers(self, client: AsyncClient) -> list[GenerateResult]:
        """Return all answers: those to the first prompt, then those to the next.

        Raises:
            ForewordError: One of them failed.
        """
        calls = [
            asyncio.ensure_future(client.generate(service_name(self.model), prompt, **parameters))
            for prompt, parameters in self._each()
        ]
        try:
            with self._named_errors():
                results = await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()
        return [await self._detailed(client, place, result) for place, result in enumerate(results)]

    async def pieces(self, client: AsyncClient) -> AsyncGenerator[tuple[int, GeneratePiece]]:
        """Yield the pieces of all answers as they come, each with the index of its answer."""
        streams = [
            client.stream_generate(service_name(self.model), prompt, **parameters)
            for prompt, parameters in self._each()
        ]
        with self._named_errors():
            async with aclosing(merged(streams)) as pieces:
                async for place, piece in pieces:
                    if piece.result is None:
                        yield place, piece
                    else:
                        yield place, replace(piece, result=await self._detailed(client, place, piece.result))

    def usage(self, results: Sequence[GenerateResult]) -> dict[str, int]:
        """Return the token counts of all answers; each prompt counts once."""
        prompt = sum(result.usage.input_tokens for result in results[:: self.choices])
        completion = sum(result.usage.generated_tokens for result in results)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Name the prompt in errors of the service as the request does; the names of other fields have one form."""
        try:
            yield
        except InvalidArgumentError as error:
            error.rename_fields(self.prompt_fields)
            raise

    def _each(self) -> list[tuple[Prompt, GenerateKeywords]]:
        """Return the prompt and the parameters of each answer."""
        found: list[tuple[Prompt, GenerateKeywords]] = []
        for prompt in self.prompts:
            for choice in range(self.choices):
                parameters = self.parameters.copy()
                if self.seed is not None:
                    parameters["random_seed"] = (self.seed + choice) % _SEEDS
                found.append((prompt, parameters))
        return found

    async def _detailed(self, client: AsyncClient, place: int, result: GenerateResult) -> GenerateResult:
        """Return an answer with its log-probabilities, which those of a classifier do not bring along."""
        if not self.details or not lacks_details(result):
            return result
        options = self.parameters.get("return_options") or ReturnOptions()
        prompt = self.prompts[place // self.choices]
        return await with_label_details(client, service_name(self.model), prompt, result, options.top_n_tokens)


def parse_parameters(fields: Fields, *, details: bool, top_tokens: int, max_tokens: int | None) -> GenerateKeywords:
    """Return the parameters of the service for those that both interfaces have. All but the seed are set.

    An unset temperature is greedy decoding, the default of the service: a tuned model is to answer the same every time.

    Args:
        details: Whether to return tokens with their log-probabilities.
        top_tokens: Number of alternatives to return for each token.
        max_tokens: Maximum number of tokens to generate; None for the default of the service.

    Raises:
        RequestError: A parameter is invalid, or cannot be honoured. The error names it.
    """
    temperature, top_p = fields.number("temperature", 0, 2), fields.number("top_p", 0, 1)
    samples = top_p not in (None, 0, 1) if temperature is None else temperature > 0 and top_p != 0
    for name in ("presence_penalty", "frequency_penalty"):
        fields.only(name, (0, 0.0), _NO_PENALTY)
    fields.only("logit_bias", ({},), "the service has no such parameter; leave it out")
    fields.ignore_texts("user")
    parameters = GenerateKeywords(decoding_method="sample" if samples else "greedy", max_new_tokens=max_tokens)
    if samples:
        parameters["temperature"] = temperature or None
        parameters["top_p"] = top_p
    stop = _stops(fields)
    if stop:
        parameters["stop_sequences"] = stop
    if details:
        parameters["return_options"] = ReturnOptions(
            generated_tokens=True, token_log_probabilities=True, top_n_tokens=top_tokens
        )
    return parameters


def parse_seed(fields: Fields) -> int | None:
    """Return the seed of the first choice; None if it is unset. Any integer of 64 bits is one."""
    seed = fields.integer("seed", -_LARGEST_SEED - 1, _LARGEST_SEED)
    return None if seed is None else seed % _SEEDS


def parse_max_tokens(fields: Fields, *names: str) -> int | None:
    """Return the maximum number of tokens to generate, which has several names; None if it is unset.

    Raises:
        RequestError: It is out of range, or two names have different values.
    """
    given = {name: value for name in names if (value := fields.integer(name, 1, _MOST_TOKENS)) is not None}
    if len(set(given.values())) > 1:
        raise fields.fault(names[0], f"contradicts {names[1]}; set one of them")
    return next(iter(given.values()), None)


def check_size(fields: Fields, prompts: Sequence[Prompt], choices: int) -> None:
    """Refuse prompts that are so long that they cannot be sent once for each choice.

    Raises:
        RequestError: They are. The error names `n`.
    """
    size = choices * sum(_size(prompt) for prompt in prompts)
    if choices > 1 and size > _MOST_CHARACTERS:
        most = max(1, choices * _MOST_CHARACTERS // size)
        raise fields.fault("n", f"must be at most {most} for prompts of this length", choices)


def parse_stream(fields: Fields) -> tuple[bool, bool]:
    """Return whether to stream the answers, and whether to end the stream with the token counts."""
    stream, options = fields.flag("stream"), fields.object("stream_options")
    if options is None:
        return stream, False
    if not stream:
        raise fields.fault("stream_options", "can only be set together with stream")
    include_usage = options.flag("include_usage")
    options.only("include_obfuscation", (False,), "streams are not padded; leave it out")
    options.finish()
    return stream, include_usage


def finish_reason(result: GenerateResult) -> str:
    """Return OpenAI's name of the reason why an answer ended."""
    return _ENDS[result.stop_reason]


def _stops(fields: Fields) -> list[str]:
    value: Any = fields.value("stop")
    if value is None:
        return []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise fields.fault("stop", "must be a string or a list of strings", value)
    wrong = next((place for place, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None:
        raise fields.fault(f"stop[{wrong}]", "must be a string", texts[wrong])
    if len(texts) > _MOST_STOPS:
        raise fields.fault("stop", f"must hold at most {_MOST_STOPS} texts, not {len(texts):,}")
    return texts


def _size(prompt: Prompt) -> int:
    """Return the number of characters of a prompt."""
    return sum(map(len, _texts(prompt)))


def _most_bytes(prompt: Prompt) -> int:
    """Return the size of a prompt in UTF-8, at most."""
    return sum(len(text) * (1 if text.isascii() else _BYTES_OF_CHARACTER) for text in _texts(prompt))


def _texts(prompt: Prompt) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    pairs = (text for example in prompt.examples for text in (example.input, example.output))
    return [prompt.instruction, prompt.input, *pairs]
