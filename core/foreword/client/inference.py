"""Answers of tuned and base models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from foreword.client import decode, encode, resources
from foreword.client.encode import Prompt
from foreword.client.message import build
from foreword.client.service import Reference, ServiceMethods, reference_name
from foreword.errors import ForewordError
from foreword.v1 import inference_service_pb2 as messages
from foreword.v1 import inference_service_pb2_grpc


class InferenceMethods(ServiceMethods):
    """Methods of `InferenceService`.

    `model` is a serving name, a deployment, a tuned model, or `baseModels/{model}` or one of its aliases.
    """

    @cached_property
    def _inference(self) -> Any:
        return self._connection.stub(inference_service_pb2_grpc.InferenceServiceStub)

    def generate(
        self,
        model: Reference,
        prompt: Prompt,
        *,
        decoding_method: str = "greedy",
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        random_seed: int | None = None,
        min_new_tokens: int | None = None,
        max_new_tokens: int | None = None,
        stop_sequences: Sequence[str] = (),
        include_stop_sequence: bool | None = None,
        timeout_seconds: float | None = None,
    ) -> resources.GenerateResult:
        """Answers with text.

        Args:
            prompt: Plain text or a StructuredPrompt.
            decoding_method: `greedy`, the same answer every time, or `sample`.
            temperature: Sampling: divides the logits. Range (0, 2]. Default 1.
            top_p: Sampling: only the likeliest tokens whose probabilities reach this sum. Range (0, 1]. Default 1.
            top_k: Sampling: only this many of the likeliest tokens; 0 means all. Default 0.
            random_seed: Sampling: makes the answer repeatable. Default: drawn, and told in the answer.
            min_new_tokens: Fewest tokens to generate. Default 0. No effect for closed tasks.
            max_new_tokens: Most tokens to generate. Default 128, or the context where that is smaller. No effect for
                closed tasks.
            stop_sequences: Texts that end the answer; at most 6. No effect for closed tasks.
            include_stop_sequence: Whether the stop sequence stays in the answer. No effect for closed tasks.

        Raises:
            NotFoundError: No such model.
            InvalidArgumentError: A value is out of range or the prompt too long.
            FailedPreconditionError: The deployment is not ready.
            ExhaustedError: The service has too much to do.
        """
        request = build(
            messages.GenerateRequest,
            model=_model(model),
            parameters=encode.generate_parameters(
                decoding_method=decoding_method,
                temperature=temperature,
                top_p=top_p,
                top_k=top_k,
                random_seed=random_seed,
                min_new_tokens=min_new_tokens,
                max_new_tokens=max_new_tokens,
                stop_sequences=stop_sequences,
                include_stop_sequence=include_stop_sequence,
            ),
            **encode.prompt(prompt),
        )
        answer = self._connection.unary(self._inference.Generate, request, safe=True, timeout_seconds=timeout_seconds)
        return decode.generate_result(answer, answer.text)

    def stream_generate(
        self,
        model: Reference,
        prompt: Prompt,
        *,
        decoding_method: str = "greedy",
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        random_seed: int | None = None,
        min_new_tokens: int | None = None,
        max_new_tokens: int | None = None,
        stop_sequences: Sequence[str] = (),
        include_stop_sequence: bool | None = None,
        timeout_seconds: float | None = None,
    ) -> Iterator[resources.GeneratePiece]:
        """Answers with text in pieces as it comes; the last piece carries the whole result.

        Arguments and errors are those of `generate`. Leaving the iterator early ends the work on the answer.
        """
        request = build(
            messages.StreamGenerateRequest,
            model=_model(model),
            parameters=encode.generate_parameters(
                decoding_method=decoding_method,
                temperature=temperature,
                top_p=top_p,
                top_k=top_k,
                random_seed=random_seed,
                min_new_tokens=min_new_tokens,
                max_new_tokens=max_new_tokens,
                stop_sequences=stop_sequences,
                include_stop_sequence=include_stop_sequence,
            ),
            **encode.prompt(prompt),
        )
        seconds = self._connection.timeout_seconds if timeout_seconds is None else timeout_seconds
        text = ""
        for message in self._connection.restart(
            lambda: self._connection.stream(self._inference.StreamGenerate, request, timeout_seconds=seconds),
            timeout_seconds=seconds,
        ):
            text += message.text
            result = decode.generate_result(message, text) if message.stop_reason else None
            yield resources.GeneratePiece(text=message.text, result=result)

    def batch_generate(
        self, model: Reference, prompts: Iterable[Prompt], *, timeout_seconds: float | None = None, **parameters: Any
    ) -> list[resources.GenerateResult | ForewordError]:
        """Answers many prompts with text in one call, in their order; one that failed has its error in its place.

        Args:
            prompts: 1 to 256, each plain text or a StructuredPrompt.
            parameters: Those of `generate`, for all prompts.

        Raises:
            NotFoundError: No such model.
            InvalidArgumentError: A parameter is out of range, or there are no or too many prompts.
        """
        request = build(
            messages.BatchGenerateRequest,
            model=_model(model),
            parameters=encode.generate_parameters(**parameters),
            requests=[build(messages.GenerateRequest, **encode.prompt(item)) for item in prompts],
        )
        answer = self._connection.unary(
            self._inference.BatchGenerate, request, safe=True, timeout_seconds=timeout_seconds
        )
        return [decode.batch_result(item) for item in answer.results]

    def classify(
        self,
        model: Reference,
        prompt: Prompt,
        *,
        threshold: float | None = None,
        labels: Sequence[str] = (),
        multi_label: bool = False,
        top_n: int = 0,
        timeout_seconds: float | None = None,
    ) -> resources.ClassifyResult:
        """Answers with labels and their probabilities.

        Args:
            prompt: Plain text or a StructuredPrompt.
            threshold: Abstain when no label set reaches this probability. Range [0, 1]. Default: never.
            labels: To use a model that was not tuned for a closed task; ignored for others.
            multi_label: With `labels`: whether an answer may hold several.
            top_n: How many of the likeliest label sets to return; 0 means 5.

        Raises:
            FailedPreconditionError: The model was not tuned for a closed task and no labels are given.
        """
        request = build(
            messages.ClassifyRequest,
            model=_model(model),
            threshold=threshold,
            labels=labels,
            multi_label=multi_label,
            top_n=top_n,
            **encode.prompt(prompt),
        )
        answer = self._connection.unary(self._inference.Classify, request, safe=True, timeout_seconds=timeout_seconds)
        return decode.classify_result(answer)

    def tokenize(self, model: Reference, prompt: Prompt, *, return_tokens: bool = False) -> resources.TokenizeResult:
        """Counts tokens, for each part of a structured prompt as well.

        Args:
            prompt: Plain text or a StructuredPrompt.
            return_tokens: Whether to return the tokens as well.
        """
        request = build(
            messages.TokenizeRequest, model=_model(model), return_tokens=return_tokens, **encode.prompt(prompt)
        )
        return decode.tokenize_result(self._connection.unary(self._inference.Tokenize, request, safe=True))


def _model(model: Reference) -> str:
    return reference_name(model, "models")
