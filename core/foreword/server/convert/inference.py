"""Conversion of inference requests and responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foreword.domain.answer_calibration import PRECISIONS
from foreword.domain.inference import Classification, GenerateParameters, Generation, StopReason, Token, TokenUsage
from foreword.domain.label_options import LabelOptions
from foreword.domain.messages import MAX_BATCH_REQUESTS, MAX_RESPONSE_BYTES, USUAL_RESPONSE_BYTES
from foreword.domain.violations import Violations
from foreword.errors import ForewordError, InvalidArgumentError
from foreword.inference.labels.named_labels import SEPARATOR, named_labels
from foreword.plugin.interfaces import LabelSpace
from foreword.server.calls.status import status_of
from foreword.server.convert.generate_parameters import fitted, parse_generate_parameters
from foreword.server.convert.parameters import parse_labels
from foreword.server.convert.prompts import Prompt, parse_prompt
from foreword.server.convert.text_limits import MAX_DISPLAY_NAME
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import batch_job_pb2, inference_pb2, inference_service_pb2

DEFAULT_TOP_N = 5
_FIELD_BYTES = 6
"""Maximum number of bytes that the tag and the length of a result take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """A parsed Generate or StreamGenerate request.

    Attributes:
        limit_is_default: Whether `max_new_tokens` was left unset.
    """

    model: str
    prompt: Prompt
    parameters: GenerateParameters
    limit_is_default: bool

    def fitted(self, context_tokens: int) -> GenerateParameters:
        """Return the parameters for a model with this context; see `generate_parameters.fitted`."""
        return fitted(self.parameters, context_tokens, limit_is_default=self.limit_is_default)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """A request of a batch, completed with the model and the parameters of the batch, and its size in bytes."""

    request: inference_service_pb2.GenerateRequest
    byte_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """A parsed BatchGenerate request.

    Attributes:
        model: Model of requests that name none; empty if the batch has none.
        max_response_bytes: Maximum size of the response message that the caller accepts.
        items: The requests. They are not checked yet, because each one has its own result.
    """

    model: str
    max_response_bytes: int
    items: tuple[BatchItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """A parsed Classify request.

    Attributes:
        label_space: None if the request has no labels.
    """

    model: str
    prompt: Prompt
    options: LabelOptions
    label_space: LabelSpace | None
    top_n: int

    def fitted(self, context_tokens: int) -> GenerateParameters:
        """Return the generation parameters that apply to Classify, for a model with this context."""
        return fitted_options(self.options, context_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRequest:
    """A parsed Tokenize request."""

    model: str
    prompt: Prompt
    return_tokens: bool


def parse_text_request(
    request: inference_service_pb2.GenerateRequest | inference_service_pb2.StreamGenerateRequest,
) -> TextRequest:
    """Parse a Generate or StreamGenerate request."""
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
    """Parse the fields of BatchGenerate that concern the whole batch.

    The items of the message are completed in place: to copy many small fields holds all threads longer than to parse
    them.

    Raises:
        InvalidArgumentError: There are no requests or too many, or a shared field is invalid.
    """
    violations = Violations()
    if not 1 <= len(request.requests) <= MAX_BATCH_REQUESTS:
        violations.add("requests", f"must hold 1 to {MAX_BATCH_REQUESTS}, not {len(request.requests):,}")
    model = violations.text("model", request.model, 3 * MAX_DISPLAY_NAME)
    violations.number("max_response_bytes", request.max_response_bytes, minimum=0, maximum=MAX_RESPONSE_BYTES)
    parse_generate_parameters(violations, request.parameters)
    violations.check()
    items = []
    for item in request.requests:
        check_cancelled()
        if not item.model:
            item.model = model
        if not item.HasField("parameters"):
            item.parameters.CopyFrom(request.parameters)
        items.append(BatchItem(request=item, byte_size=item.ByteSize()))
    return BatchRequest(
        model=model,
        max_response_bytes=request.max_response_bytes or USUAL_RESPONSE_BYTES,
        items=tuple(items),
    )


def parse_label_request(request: inference_service_pb2.ClassifyRequest) -> LabelRequest:
    """Parse a Classify request."""
    violations = Violations()
    model = _parse_model(violations, request.model)
    prompt = parse_prompt(violations, request)
    options = parse_label_options(violations, request)
    top_n = violations.number("top_n", request.top_n, minimum=0, maximum=100)
    violations.check()
    return LabelRequest(
        model=model, prompt=prompt, options=options, label_space=named_labels(options), top_n=top_n or DEFAULT_TOP_N
    )


def parse_label_options(
    violations: Violations,
    message: inference_service_pb2.ClassifyRequest | batch_job_pb2.BatchClassify,
    prefix: str = "",
) -> LabelOptions:
    """Parse the options of a request for labels.

    Args:
        prefix: Path before the names of the fields, for faults.
    """
    threshold = violations.number(f"{prefix}threshold", message.threshold, minimum=0, maximum=1)
    labels = parse_labels(violations, f"{prefix}labels", message.labels)
    if message.multi_label:
        for place, label in enumerate(labels):
            if SEPARATOR in label:
                violations.add(f"{prefix}labels[{place}]", f"must not hold {SEPARATOR!r}, which separates labels")
    violations.number(f"{prefix}truncate_input_tokens", message.truncate_input_tokens, minimum=0)
    min_precision = message.min_precision if message.HasField("min_precision") else None
    if min_precision is not None and not 0 < min_precision <= PRECISIONS[-1]:
        violations.add(f"{prefix}min_precision", f"must be above 0 and at most {PRECISIONS[-1]}, not {min_precision:g}")
    return LabelOptions(
        threshold=threshold,
        min_precision=min_precision,
        labels=labels,
        multi_label=message.multi_label,
        truncate_input_tokens=message.truncate_input_tokens,
    )


def fitted_options(options: LabelOptions, context_tokens: int, prefix: str = "") -> GenerateParameters:
    """Return the generation parameters that apply to labels, for a model with this context.

    Args:
        prefix: As in `parse_label_options`.

    Raises:
        InvalidArgumentError: A value exceeds the context.
    """
    violations = Violations()
    violations.number(
        f"{prefix}truncate_input_tokens", options.truncate_input_tokens, minimum=0, maximum=context_tokens
    )
    violations.check()
    return GenerateParameters(truncate_input_tokens=options.truncate_input_tokens)


def parse_count_request(request: inference_service_pb2.TokenizeRequest) -> CountRequest:
    """Parse a Tokenize request."""
    violations = Violations()
    model = _parse_model(violations, request.model)
    prompt = parse_prompt(violations, request)
    violations.check()
    return CountRequest(model=model, prompt=prompt, return_tokens=request.return_tokens)


def _parse_model(violations: Violations, model: str) -> str:
    return violations.text("model", model, 3 * MAX_DISPLAY_NAME, required=True)


def stop_reason(reason: StopReason) -> str:
    """Return the name of the enum value of a stop reason."""
    return f"STOP_REASON_{reason.name}"


def token_usage(usage: TokenUsage) -> inference_pb2.TokenUsage:
    """Convert token counts to a message."""
    return inference_pb2.TokenUsage(
        input_tokens=usage.input_tokens,
        generated_tokens=usage.generated_tokens,
        soft_prompt_tokens=usage.soft_prompt_tokens,
    )


def generate_response(
    answer: Generation, model_version: str, request_id: str
) -> inference_service_pb2.GenerateResponse:
    """Convert a finished answer to a message."""
    return inference_service_pb2.GenerateResponse(
        text=answer.text,
        stop_reason=stop_reason(answer.stop_reason),
        usage=token_usage(answer.usage),
        seed=answer.seed,
        model_version=model_version,
        input_text=answer.input_text,
        input_tokens=_tokens(answer.input_tokens),
        generated_tokens=_tokens(answer.generated_tokens),
        request_id=request_id,
    )


def stream_response(
    text: str, answer: Generation | None, model_version: str, request_id: str
) -> inference_service_pb2.StreamGenerateResponse:
    """Convert a piece to a message; only the last piece has the answer."""
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
        request_id=request_id,
    )


def batch_result(
    outcome: inference_service_pb2.GenerateResponse | ForewordError,
) -> inference_service_pb2.BatchGenerateResult:
    """Convert the result of one request in a batch to a message."""
    if isinstance(outcome, ForewordError):
        return inference_service_pb2.BatchGenerateResult(error=status_of(outcome)[2])
    return inference_service_pb2.BatchGenerateResult(response=outcome)


def batch_response(
    outcomes: Sequence[inference_service_pb2.GenerateResponse | ForewordError], max_bytes: int
) -> tuple[inference_service_pb2.BatchGenerateResponse, int]:
    """Convert the results of a batch to a message of at most `max_bytes`. Errors replace results that do not fit.

    Returns:
        The message, and an upper bound of its size in bytes.
    """
    refusal = batch_result(
        InvalidArgumentError.of(
            "parameters.return_options",
            f"makes an answer that does not fit into the batch response of at most {max_bytes:,} bytes; send "
            "smaller batches, request fewer details, or raise max_response_bytes",
            reason="RESPONSE_TOO_LARGE",
        )
    )
    response = inference_service_pb2.BatchGenerateResponse()
    taken, reserve = 0, refusal.ByteSize() + _FIELD_BYTES
    for place, outcome in enumerate(outcomes):
        check_cancelled()
        result = batch_result(outcome)
        size = result.ByteSize() + _FIELD_BYTES
        left = (len(outcomes) - place - 1) * reserve
        if taken + size + left > max_bytes:
            result, size = refusal, reserve
        taken += size
        response.results.append(result)
    return response, taken


def classify_response(
    result: Classification, space: LabelSpace, request: LabelRequest, threshold: float | None, model_version: str
) -> inference_service_pb2.ClassifyResponse:
    """Convert scored label sets to a message, which abstains if the likeliest one is below the threshold.

    Args:
        threshold: Probability that it must reach; None if no probability suffices.
    """
    best = result.label_sets[0]
    abstained = threshold is None or best.probability < threshold
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
        threshold=threshold,
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
