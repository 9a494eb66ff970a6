"""Inference requests and answers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from foreword.domain.inference import (
    Classification,
    GenerateParameters,
    Generation,
    PromptExample,
    StopReason,
    StructuredPrompt,
    TokenUsage,
)
from foreword.plugin.interfaces import LabelSpace
from foreword.server.convert.fields import MAX_DISPLAY_NAME, Violations
from foreword.server.convert.parameters import parse_labels
from foreword.v1 import inference_pb2, inference_service_pb2

MAX_TEXT = 1_000_000
MAX_EXAMPLES = 1_000
MAX_STOP_SEQUENCES = 6
MAX_STOP_SEQUENCE = 40
MAX_TOP_K = 1_000
MAX_SEED = 2**32 - 1
DEFAULT_TOP_N = 5
_SEPARATOR = ", "

_Method = inference_pb2.GenerateParameters.DecodingMethod
_PromptRequest = (
    inference_service_pb2.GenerateRequest
    | inference_service_pb2.StreamGenerateRequest
    | inference_service_pb2.ClassifyRequest
    | inference_service_pb2.TokenizeRequest
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is to be answered; `structured` is None for plain text."""

    text: str
    structured: StructuredPrompt | None = None


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
        """The parameters for a model of this context: the default gives way to it, what was set is honoured.

        Raises:
            InvalidArgumentError: A value that was set is beyond the context.
        """
        parameters = self.parameters
        violations = Violations()
        for field in ("min_new_tokens", "max_new_tokens"):
            value = getattr(parameters, field)
            if value > context_tokens and not (field == "max_new_tokens" and self.limit_is_default):
                low = 0 if field == "min_new_tokens" else 1
                violations.add(
                    f"parameters.{field}", f"must be in [{low}, {context_tokens}], the model's context, not {value}"
                )
        violations.check()
        return replace(parameters, max_new_tokens=min(parameters.max_new_tokens, context_tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """What Classify asks for; `label_space` is None when the request brings no labels."""

    model: str
    prompt: Prompt
    threshold: float
    label_space: LabelSpace | None
    top_n: int


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
    prompt = _parse_prompt(violations, request)
    parameters = _parse_parameters(violations, request.parameters)
    violations.check()
    return TextRequest(
        model=model,
        prompt=prompt,
        parameters=parameters,
        limit_is_default=not request.parameters.HasField("max_new_tokens"),
    )


def parse_label_request(request: inference_service_pb2.ClassifyRequest) -> LabelRequest:
    """Parses Classify."""
    violations = Violations()
    model = _parse_model(violations, request.model)
    prompt = _parse_prompt(violations, request)
    threshold = violations.number("threshold", request.threshold, minimum=0, maximum=1)
    labels = parse_labels(violations, "labels", request.labels)
    if request.multi_label:
        for place, label in enumerate(labels):
            if _SEPARATOR in label:
                violations.add(f"labels[{place}]", f"must not hold {_SEPARATOR!r}, which separates labels")
    top_n = violations.number("top_n", request.top_n, minimum=0, maximum=100)
    violations.check()
    space = LabelSpace(labels=labels, separator=_SEPARATOR, multi_label=request.multi_label, label_sets=())
    return LabelRequest(
        model=model,
        prompt=prompt,
        threshold=threshold,
        label_space=space if labels else None,
        top_n=top_n or DEFAULT_TOP_N,
    )


def parse_count_request(request: inference_service_pb2.TokenizeRequest) -> CountRequest:
    """Parses Tokenize."""
    violations = Violations()
    model = _parse_model(violations, request.model)
    prompt = _parse_prompt(violations, request)
    violations.check()
    return CountRequest(model=model, prompt=prompt, return_tokens=request.return_tokens)


def _parse_model(violations: Violations, model: str) -> str:
    return violations.text("model", model, 3 * MAX_DISPLAY_NAME, required=True)


def _parse_prompt(violations: Violations, request: _PromptRequest) -> Prompt:
    """The prompt of a request, composed."""
    match request.WhichOneof("prompt"):
        case "text":
            return Prompt(text=violations.text("text", request.text, MAX_TEXT, required=True))
        case "structured":
            structured = _parse_structured(violations, request.structured)
            text = structured.compose()
            if len(text) > MAX_TEXT:
                violations.add("structured", f"must hold at most {MAX_TEXT:,} characters in all, not {len(text):,}")
            return Prompt(text=text, structured=structured)
        case _:
            violations.add("text", "must be set, or structured")
            return Prompt(text="")


def _parse_structured(violations: Violations, message: inference_pb2.StructuredPrompt) -> StructuredPrompt:
    violations.text("structured.input", message.input, MAX_TEXT, required=True)
    violations.text("structured.instruction", message.instruction, MAX_TEXT)
    if len(message.examples) > MAX_EXAMPLES:
        violations.add("structured.examples", f"must hold at most {MAX_EXAMPLES:,}, not {len(message.examples):,}")
    for place, example in enumerate(message.examples[:MAX_EXAMPLES]):
        violations.text(f"structured.examples[{place}].input", example.input, MAX_TEXT, required=True)
        violations.text(f"structured.examples[{place}].output", example.output, MAX_TEXT)
    prefixes: dict[str, str] = {}
    if message.HasField("input_prefix"):
        prefixes["input_prefix"] = violations.text("structured.input_prefix", message.input_prefix, MAX_TEXT)
    if message.HasField("output_prefix"):
        prefixes["output_prefix"] = violations.text("structured.output_prefix", message.output_prefix, MAX_TEXT)
    return StructuredPrompt(
        input=message.input,
        instruction=message.instruction,
        examples=tuple(PromptExample(input=item.input, output=item.output) for item in message.examples),
        **prefixes,
    )


def _parse_parameters(violations: Violations, message: inference_pb2.GenerateParameters) -> GenerateParameters:
    defaults = GenerateParameters()
    prefix = "parameters"
    if message.decoding_method not in _Method.values():
        violations.add(f"{prefix}.decoding_method", f"must be one of {', '.join(_Method.keys()[1:])}")
    sample = message.decoding_method == _Method.Value("DECODING_METHOD_SAMPLE")
    temperature = message.temperature if message.HasField("temperature") else defaults.temperature
    top_p = message.top_p if message.HasField("top_p") else defaults.top_p
    max_new = message.max_new_tokens if message.HasField("max_new_tokens") else defaults.max_new_tokens
    violations.number(f"{prefix}.temperature", temperature, above=0, maximum=2)
    violations.number(f"{prefix}.top_p", top_p, above=0, maximum=1)
    violations.number(f"{prefix}.top_k", message.top_k, minimum=0, maximum=MAX_TOP_K)
    violations.number(f"{prefix}.random_seed", message.random_seed, minimum=0, maximum=MAX_SEED)
    violations.number(f"{prefix}.max_new_tokens", max_new, minimum=1)
    violations.number(f"{prefix}.min_new_tokens", message.min_new_tokens, minimum=0, maximum=max(max_new, 0))
    _check_stop_sequences(violations, f"{prefix}.stop_sequences", message.stop_sequences)
    drawn = secrets.randbelow(MAX_SEED + 1) if sample else 0
    return GenerateParameters(
        sample=sample,
        temperature=temperature,
        top_p=top_p,
        top_k=message.top_k,
        seed=message.random_seed if message.HasField("random_seed") else drawn,
        min_new_tokens=message.min_new_tokens,
        max_new_tokens=max_new,
        stop_sequences=tuple(message.stop_sequences),
        include_stop_sequence=message.include_stop_sequence,
    )


def _check_stop_sequences(violations: Violations, field: str, sequences: Sequence[str]) -> None:
    if len(sequences) > MAX_STOP_SEQUENCES:
        violations.add(field, f"must hold at most {MAX_STOP_SEQUENCES}, not {len(sequences)}")
    for place, sequence in enumerate(sequences[:MAX_STOP_SEQUENCES]):
        if not sequence:
            violations.add(f"{field}[{place}]", "must not be empty")
        violations.text(f"{field}[{place}]", sequence, MAX_STOP_SEQUENCE)


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
    )


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
