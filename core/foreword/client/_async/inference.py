"""Inference with tuned models and base models."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from foreword.client import decode, encode, resources
from foreword.client._async.service import ServiceMethods
from foreword.client._async.waiting import in_order, sleep
from foreword.client.encode import Prompt
from foreword.client.keywords import GenerateKeywords
from foreword.client.message import build
from foreword.client.reference import Reference, reference_name
from foreword.domain.messages import MAX_RESPONSE_BYTES
from foreword.errors import (
    DeadlineExceededError,
    ExhaustedError,
    FailedPreconditionError,
    ForewordError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from foreword.v1 import inference_service_pb2 as messages
from foreword.v1 import inference_service_pb2_grpc

if TYPE_CHECKING:
    from typing import Unpack

_SIDE_BY_SIDE = 32
"""Concurrent calls of one batch: as many as the service decodes together by default."""

_PATIENCE_SECONDS = 300.0
_LONGEST_PAUSE_SECONDS = 2.0
_CONCERNS_ALL = (
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
"""Errors that affect every prompt of a batch, because they are about the model, the key or the service."""


class InferenceMethods(ServiceMethods):
    """Methods of `InferenceService`.

    `model` is a serving name, a deployment, a tuned model or its id or display name, or `baseModels/{model}` with an id
    or an alias.
    """

    @cached_property
    def _inference(self) -> Any:
        return self._connection.stub(inference_service_pb2_grpc.InferenceServiceStub)

    async def generate(
        self,
        model: Reference,
        prompt: Prompt,
        *,
        prompt_variables: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        **parameters: Unpack[GenerateKeywords],
    ) -> resources.GenerateResult:
        """Generate an answer.

        Args:
            prompt: Plain text or a StructuredPrompt.
            prompt_variables: Values for each `{{name}}` in the prompt. Default: none, and `{{name}}` is plain text.
            parameters: Generation parameters, such as `max_new_tokens=20`; see `GenerateKeywords`.

        Raises:
            NotFoundError: The model does not exist.
            InvalidArgumentError: A value is out of range, or the prompt is too long.
            FailedPreconditionError: The deployment is not ready.
            ExhaustedError: The service is overloaded.
        """
        request = build(
            messages.GenerateRequest,
            parameters=encode.generate_parameters(parameters),
            **encode.prompt(prompt, prompt_variables),
        )
        answer = await self._call(
            self._inference.Generate, request, {"model": (model, "models")}, timeout_seconds=timeout_seconds
        )
        return decode.generate_result(answer, answer.text)

    async def stream_generate(
        self,
        model: Reference,
        prompt: Prompt,
        *,
        prompt_variables: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        **parameters: Unpack[GenerateKeywords],
    ) -> AsyncGenerator[resources.GeneratePiece]:
        """Generate an answer and yield it in pieces. The last piece has the whole result.

        Arguments and errors are those of `generate`. Closing the generator early cancels the generation.
        """
        request = build(
            messages.StreamGenerateRequest,
            model=reference_name(model, "models"),
            parameters=encode.generate_parameters(parameters),
            **encode.prompt(prompt, prompt_variables),
        )
        seconds = self._connection.timeout_seconds if timeout_seconds is None else timeout_seconds
        async with aclosing(self._pieces(request, model, seconds)) as pieces:
            text = ""
            async for message in pieces:
                text += message.text
                result = decode.generate_result(message, text) if message.stop_reason else None
                yield resources.GeneratePiece(text=message.text, result=result)

    async def _pieces(
        self, request: messages.StreamGenerateRequest, model: Reference, timeout_seconds: float
    ) -> AsyncGenerator[messages.StreamGenerateResponse]:
        """Yield the messages of a stream. If the service does not find the model, look it up by its display name."""
        while True:
            try:
                async with aclosing(
                    self._connection.restart(
                        lambda: self._connection.stream(
                            self._inference.StreamGenerate, request, timeout_seconds=timeout_seconds
                        ),
                        timeout_seconds=timeout_seconds,
                    )
                ) as answers:
                    async for message in answers:
                        yield message
                return
            except NotFoundError as error:  # the first answer of the service, if any
                if error.resource != request.model:
                    raise
                request.model = await self._renamed(error, request.model, "models")

    async def batch_generate(
        self,
        model: Reference,
        prompts: Iterable[Prompt],
        *,
        prompt_variables: Iterable[Mapping[str, str]] | None = None,
        timeout_seconds: float | None = None,
        **parameters: Unpack[GenerateKeywords],
    ) -> list[resources.GenerateResult | ForewordError]:
        """Generate answers to many prompts and return them in order; a prompt that failed has its error as the result.

        Prompts are sent in parts of at most 256 prompts and at most the size of a message, one part after the other. If
        the first part fails as a whole, the error is raised. If a later part fails, the error is the result of each of
        its prompts, and `metadata["prompts"]` is their range. If it failed because the service was unavailable or
        refused access, the rest is not sent and has the same error.

        Args:
            prompts: Any number of prompts, each plain text or a StructuredPrompt.
            prompt_variables: Values of the variables, one mapping for each prompt. Default: none.
            timeout_seconds: Time limit of each part. Default: that of the client.
            parameters: Generation parameters for all prompts, as in `generate`.

        Raises:
            NotFoundError: The model does not exist.
            InvalidArgumentError: A parameter is out of range.
        """
        shared, named = encode.generate_parameters(parameters), model
        results: list[resources.GenerateResult | ForewordError] = []
        lost: ForewordError | None = None
        for part in encode.batch_parts(encode.batch(prompts, prompt_variables)):
            begin = len(results)
            if lost is not None:
                results += [lost] * len(part)
                continue
            request = build(
                messages.BatchGenerateRequest,
                parameters=shared,
                requests=part,
                max_response_bytes=MAX_RESPONSE_BYTES,
            )
            try:
                answer = await self._call(
                    self._inference.BatchGenerate,
                    request,
                    {"model": (named, "models")},
                    timeout_seconds=timeout_seconds,
                )
                named = request.model  # the parts that follow need no lookup
                results += [decode.batch_result(item) for item in answer.results]
            except ForewordError as error:
                if begin == 0:
                    raise
                error.metadata["prompts"] = f"{begin}-{begin + len(part) - 1}"
                results += [error] * len(part)
                if isinstance(error, (UnavailableError, UnauthenticatedError, PermissionDeniedError)):
                    lost = error
        return results

    async def classify(
        self,
        model: Reference,
        prompt: Prompt,
        *,
        threshold: float | None = None,
        min_precision: float | None = None,
        labels: Sequence[str] = (),
        multi_label: bool = False,
        top_n: int = 0,
        truncate_input_tokens: int = 0,
        prompt_variables: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> resources.ClassifyResult:
        """Classify a prompt and return its labels with their probabilities.

        Args:
            prompt: Plain text or a StructuredPrompt.
            threshold: Abstain if no label set reaches this probability. Range [0, 1]. Default: never abstain.
            min_precision: Abstain where this share of the given answers is not estimated to be right, by the thresholds
                of the model's `answer_calibration`. Range (0, 0.98]. Default: only `threshold` applies.
            labels: Labels for a model that was not tuned for a closed task; ignored for other models.
            multi_label: With `labels`, whether an answer may have several labels.
            top_n: Number of most likely label sets to return; 0 means 5.
            truncate_input_tokens: Keep only this many of the last tokens of the input; 0 keeps all, and an input that
                is too long is refused.
            prompt_variables: Values for each `{{name}}` in the prompt. Default: none, and `{{name}}` is plain text.

        Raises:
            FailedPreconditionError: The model was not tuned for a closed task and no labels are given; or
                `min_precision` is given and the model has no calibration (`CALIBRATION_MISSING`).
        """
        request = build(
            messages.ClassifyRequest,
            threshold=threshold,
            min_precision=min_precision,
            labels=labels,
            multi_label=multi_label,
            top_n=top_n,
            truncate_input_tokens=truncate_input_tokens,
            **encode.prompt(prompt, prompt_variables),
        )
        answer = await self._call(
            self._inference.Classify, request, {"model": (model, "models")}, timeout_seconds=timeout_seconds
        )
        return decode.classify_result(answer)

    async def batch_classify(
        self,
        model: Reference,
        prompts: Iterable[Prompt],
        *,
        threshold: float | None = None,
        min_precision: float | None = None,
        labels: Sequence[str] = (),
        multi_label: bool = False,
        top_n: int = 0,
        truncate_input_tokens: int = 0,
        prompt_variables: Iterable[Mapping[str, str]] | None = None,
        timeout_seconds: float | None = None,
    ) -> list[resources.ClassifyResult | ForewordError]:
        """Classify many prompts and return the results in order; a prompt that failed has its error as the result.

        Prompts are sent concurrently, as many as the service answers in one batch, and wait while the service is
        overloaded. After an error that affects all prompts, such as a revoked key, no further calls are made, and the
        error is the result of every prompt without an answer.

        Args:
            prompts: Any number of prompts, each plain text or a StructuredPrompt. All results are kept in memory.
            prompt_variables: Values of the variables, one mapping for each prompt. Default: none.
            timeout_seconds: Time limit of each prompt, once the service has room for it. Default: a prompt that is not
                answered within the client's `timeout_seconds`, for example while a base model loads, is sent again
                for five minutes.

        The other arguments are those of `classify` and apply to all prompts.

        Raises:
            NotFoundError: The model does not exist.
            UnavailableError: The service cannot be reached. This and other errors that affect all prompts are raised
                if no prompt was answered.
            InvalidArgumentError: `prompts` is not a list, or the number of mappings differs from that of the prompts.
        """
        requests = encode.with_variables(prompts, prompt_variables)
        ends: list[ForewordError] = []
        named = [model]

        async def classified(prompt: Prompt, variables: Mapping[str, str] | None) -> resources.ClassifyResult:
            request = build(
                messages.ClassifyRequest,
                threshold=threshold,
                min_precision=min_precision,
                labels=labels,
                multi_label=multi_label,
                top_n=top_n,
                truncate_input_tokens=truncate_input_tokens,
                **encode.prompt(prompt, variables),
            )
            answer = await self._call(
                self._inference.Classify, request, {"model": (named[0], "models")}, timeout_seconds=timeout_seconds
            )
            named[0] = request.model  # the prompts that follow need no lookup
            return decode.classify_result(answer)

        async def settled(
            prompt: Prompt, variables: Mapping[str, str] | None
        ) -> resources.ClassifyResult | ForewordError:
            if ends:
                return ends[0]
            try:
                return await self._patiently(lambda: classified(prompt, variables), when_late=timeout_seconds is None)
            except ForewordError as error:
                if isinstance(error, _CONCERNS_ALL):
                    ends.append(error)
                return error

        results = await in_order((partial(settled, *request) for request in requests), limit=_SIDE_BY_SIDE)
        if ends and all(isinstance(result, ForewordError) for result in results):
            raise ends[0]
        return results

    async def _patiently(
        self, call: Callable[[], Awaitable[resources.ClassifyResult]], *, when_late: bool
    ) -> resources.ClassifyResult:
        """Make a call and repeat it while the service is overloaded, possibly by the rest of the batch.

        Args:
            when_late: Whether to repeat also a call that got no answer in time.

        Raises:
            ExhaustedError: The service was overloaded for five minutes.
            DeadlineExceededError: There was no answer in time.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return await call()
            except ExhaustedError as error:
                pause = min(error.retry_after.total_seconds(), _LONGEST_PAUSE_SECONDS)
                if error.reason == "MESSAGE_TOO_LARGE" or time.monotonic() + pause >= end:
                    raise
            except DeadlineExceededError:
                pause = 0.0
                if not when_late or time.monotonic() >= end:
                    raise
            await sleep(pause)

    async def tokenize(
        self,
        model: Reference,
        prompt: Prompt,
        *,
        return_tokens: bool = False,
        prompt_variables: Mapping[str, str] | None = None,
    ) -> resources.TokenizeResult:
        """Count the tokens of a prompt and of each part of a structured prompt.

        Args:
            prompt: Plain text or a StructuredPrompt.
            return_tokens: Whether to return the tokens, too.
            prompt_variables: Values for each `{{name}}` in the prompt. Default: none, and `{{name}}` is plain text.
        """
        request = build(
            messages.TokenizeRequest,
            return_tokens=return_tokens,
            **encode.prompt(prompt, prompt_variables),
        )
        return decode.tokenize_result(await self._call(self._inference.Tokenize, request, {"model": (model, "models")}))
