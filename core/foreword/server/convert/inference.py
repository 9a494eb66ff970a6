"""Inference requests and answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foreword.domain.inference import Classification, GenerateParameters, Generation, StopReason, Token, TokenUsage
from foreword.domain.messages import MAX_BATCH_REQUESTS, MAX_RESPONSE_BYTES, USUAL_RESPONSE_BYTES
from foreword.domain.violations import Violations
from foreword.errors import ForewordError, InvalidArgumentError
from foreword.plugin.interfaces import LabelSpace
from foreword.server.convert.generate_parameters import fitted, parse_generate_parameters
from foreword.server.convert.parameters import parse_labels
from foreword.server.convert.prompts import Prompt, parse_prompt
from foreword.server.convert.text_limits import MAX_DISPLAY_NAME
from foreword.server.status import status_of
from foreword.v1 import inference_pb2, inference_service_pb2

DEFAULT_TOP_N = 5
_SEPARATOR = ", "
_FIELD_BYTES = 6
"""Most that tag and length of a result add to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """What Generate and StreamGenerate ask for.

    Attributes:
        limit_is_default: Whether `max_new_tokens` was left unset.
    """

    model: str
    prompt: Prompt
    parameters: GenerateParameters
    limit_is_default: bool

    def fitted(self, context_tokens: int) -> GenerateParameters:
        """The parameters for a model of this context; see `generate_parameters.fitted`."""
        return fitted(self.parameters, context_tokens, limit_is_default=self.limit_is_default)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What BatchGenerate asks for.

    Attributes:
        model: The model of those that named none; empty when the batch has none.
        max_response_bytes: Largest response message that the caller takes.
        requests: With the batch's model and parameters where they had none; not checked yet, as each has its own fate.
    """

    model: str
    max_response_bytes: int
    requests: tuple[inference_service_pb2.GenerateRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """What Classify asks for; `label_space` is None when the request brings no labels."""

    model: str
    prompt: Prompt
    threshold: float
    label_space: LabelSpace | None
    top_n: int
    truncate_input_tokens: int

    def fitted(self, context_tokens: int) -> GenerateParameters:
        """What of the parameters of Generate holds here, for a model of this context."""
        violations = Violations()
        violations.number("truncate_input_tokens", self.truncate_input_tokens, minimum=0, maximum=context_tokens)
        violations.check()
        return GenerateParameters(truncate_input_tokens=self.truncate_input_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRequest:
    """What Tokenize asks for."""

    model: str
    prompt: Prompt
    return_tokens: bool


def parse_text_request(
    request: inference_service_pb2.GenerateRequest | inference_service_pb2.StreamGenerateRequest,
) -> TextRequest:
    """Parses Generate and StreamGenerate."""
    violations = Violations()
    model = _parse_model(violations, request.model)
    prompt = parse_prompt(violations, request)
    parameters = parse_generate_parameters(violations, request.parameters)
    violations.check()
    return TextRequest(
        model=model,
        prompt=prompt,
        parameters=parameters,
        limit_is_default=not request.parameters.HasField("max_new_tokens"),
    )


def parse_batch_request(request: inference_service_pb2.BatchGenerateRequest) -> BatchRequest:
    """Parses what concerns BatchGenerate as a whole.

    Raises:
        InvalidArgumentError: No requests or too many, or a fault in what they share.
    """
    violations = Violations()
    if not 1 <= len(request.requests) <= MAX_BATCH_REQUESTS:
        violations.add("requests", f"must hold 1 to {MAX_BATCH_REQUESTS}, not {len(request.requests):,}")
    model = violations.text("model", request.model, 3 * MAX_DISPLAY_NAME)
    violations.number("max_response_bytes", request.max_response_bytes, minimum=0, maximum=MAX_RESPONSE_BYTES)
    parse_generate_parameters(violations, request.parameters)
    violations.check()
    requests = []
    for item in request.requests:
        complete = inference_service_pb2.GenerateRequest()
        complete.CopyFrom(item)
        complete.model = item.model or model
        if not item.HasField("parameters"):
            complete.parameters.CopyFrom(request.parameters)
        requests.append(complete)
    return BatchRequest(
        model=model,
        max_response_bytes=request.max_response_bytes or USUAL_RESPONSE_BYTES,
        requests=tuple(requests),
    )


def parse_label_request(request: inference_service_pb2.ClassifyRequest) -> LabelRequest:
    """Parses Classify."""
    violations = Violations()
    model = _parse_model(violations, request.model)
    prompt = parse_prompt(violations, request)
    threshold = violations.number("threshold", request.threshold, minimum=0, maximum=1)
    labels = parse_labels(violations, "labels", request.labels)
    if request.multi_label:
        for place, label in enumerate(labels):
            if _SEPARATOR in label:
                violations.add(f"labels[{place}]", f"must not hold {_SEPARATOR!r}, which separates labels")
    top_n = violations.number("top_n", request.top_n, minimum=0, maximum=100)
    violations.number("truncate_input_tokens", request.truncate_input_tokens, minimum=0)
    violations.check()
    space = LabelSpace(labels=labels, separator=_SEPARATOR, multi_label=request.multi_label, label_sets=())
    return LabelRequest(
        model=model,
        prompt=prompt,
        threshold=threshold,
        label_space=space if labels else None,
        top_n=top_n or DEFAULT_TOP_N,
        truncate_input_tokens=request.truncate_input_tokens,
    )


def parse_count_request(request: inference_service_pb2.TokenizeRequest) -> CountRequest:
    """Parses Tokenize."""
    violations = Violations()
    model = _parse_model(violations, request.model)
    prompt = parse_prompt(violations, request)
    violations.check()
    return CountRequest(model=model, prompt=prompt, return_tokens=request.return_tokens)


def _parse_model(violations: Violations, model: str) -> str:
    return violations.text("model", model, 3 * MAX_DISPLAY_NAME, required=True)


def stop_reason(reason: StopReason) -> str:
    """The name of a stop reason's enum value."""
    return f"STOP_REASON_{reason.name}"


def token_usage(usage: TokenUsage) -> inference_pb2.TokenUsage:
    """Token counts as a message."""
    return inference_pb2.TokenUsage(
        input_tokens=usage.input_tokens,
        generated_tokens=usage.generated_tokens,
        soft_prompt_tokens=usage.soft_prompt_tokens,
    )


def generate_response(answer: Generation, model_version: str) -> inference_service_pb2.GenerateResponse:
    """A finished answer as a message."""
    return inference_service_pb2.GenerateResponse(
        text=answer.text,
        stop_reason=stop_reason(answer.stop_reason),
        usage=token_usage(answer.usage),
        seed=answer.seed,
        model_version=model_version,
        input_text=answer.input_text,
        input_tokens=_tokens(answer.input_tokens),
        generated_tokens=_tokens(answer.generated_tokens),
    )


def stream_response(
    text: str, answer: Generation | None, model_version: str
) -> inference_service_pb2.StreamGenerateResponse:
    """A piece as a message; with the answer in the last one only."""
    if answer is None:
        return inference_service_pb2.StreamGenerateResponse(text=text)
    return inference_service_pb2.StreamGenerateResponse(
        text=text,
        stop_reason=stop_reason(answer.stop_reason),
        usage=token_usage(answer.usage),
        seed=answer.seed,
        model_version=model_version,
        input_text=answer.input_text,
        input_tokens=_tokens(answer.input_tokens),
        generated_tokens=_tokens(answer.generated_tokens),
    )


def batch_result(
    outcome: inference_service_pb2.GenerateResponse | ForewordError,
) -> inference_service_pb2.BatchGenerateResult:
    """What came of one request of a batch, as a message."""
    if isinstance(outcome, ForewordError):
        return inference_service_pb2.BatchGenerateResult(error=status_of(outcome)[2])
    return inference_service_pb2.BatchGenerateResult(response=outcome)


def batch_response(
    outcomes: Sequence[inference_service_pb2.GenerateResponse | ForewordError], max_bytes: int
) -> inference_service_pb2.BatchGenerateResponse:
    """What came of a batch, in at most `max_bytes`; results that do not fit are refused in their places."""
    refusal = batch_result(
        InvalidArgumentError.of(
            "parameters.return_options",
            f"makes an answer that does not fit into the response of this batch, of at most {max_bytes:,} bytes; send "
            "smaller batches, ask for fewer details, or raise max_response_bytes",
            reason="RESPONSE_TOO_LARGE",
        )
    )
    response = inference_service_pb2.BatchGenerateResponse()
    taken, reserve = 0, refusal.ByteSize() + _FIELD_BYTES
    for place, outcome in enumerate(outcomes):
        result = batch_result(outcome)
        size = result.ByteSize() + _FIELD_BYTES
        left = (len(outcomes) - place - 1) * reserve
        if taken + size + left > max_bytes:
            result, size = refusal, reserve
        taken += size
        response.results.append(result)
    return response


def classify_response(
    result: Classification, space: LabelSpace, request: LabelRequest, model_version: str
) -> inference_service_pb2.ClassifyResponse:
    """Scored label sets as a message; abstains when the likeliest one stays below the threshold."""
    best = result.label_sets[0]
    abstained = best.probability < request.threshold
    return inference_service_pb2.ClassifyResponse(
        labels=() if abstained else best.labels,
        label_probabilities=[
            inference_service_pb2.LabelProbability(label=label, probability=result.label_probabilities.get(label, 0.0))
            for label in space.labels
        ],
        label_sets=[
            inference_service_pb2.LabelSetProbability(labels=item.labels, probability=item.probability)
            for item in result.label_sets[: request.top_n]
        ],
        abstained=abstained,
        usage=token_usage(result.usage),
        model_version=model_version,
    )


def _tokens(tokens: Iterable[Token]) -> list[inference_pb2.Token]:
    return [
        inference_pb2.Token(
            text=token.text,
            id=token.id,
            log_probability=token.log_probability,
            rank=token.rank,
            top_tokens=[
                inference_pb2.TopToken(text=item.text, id=item.id, log_probability=item.log_probability)
                for item in token.top_tokens
            ],
        )
        for token in tokens
    ]
