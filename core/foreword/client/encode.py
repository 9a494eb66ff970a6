"""Conversion of the values that callers pass into API messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypedDict

from google.protobuf import struct_pb2
from google.protobuf.message import Message

from foreword.client.keywords import GenerateKeywords
from foreword.client.message import build, collected, texts_by_name
from foreword.domain.experiment import TaskOptions
from foreword.domain.inference import LengthPenalty, ReturnOptions
from foreword.domain.messages import MAX_BATCH_REQUESTS, MAX_REQUEST_BYTES
from foreword.domain.parameters import TuneParameters
from foreword.domain.prompt import StructuredPrompt
from foreword.errors import InvalidArgumentError
from foreword.v1 import inference_pb2, inference_service_pb2, tune_experiment_pb2, tune_parameters_pb2

Prompt = str | StructuredPrompt
"""A prompt: plain text, or a prompt in parts."""


_FIELD_BYTES = 6
"""Maximum number of bytes that the tag and the length add to a request."""
_SHARED_BYTES = 64 * 2**10
"""Bytes reserved for the fields that the requests of a batch share: the model and the parameters."""
_DECODING_METHODS = {
    "greedy": inference_pb2.GenerateParameters.DECODING_METHOD_GREEDY,
    "sample": inference_pb2.GenerateParameters.DECODING_METHOD_SAMPLE,
}
_PARTS: dict[str, tuple[type[Any], type[Message]]] = {
    "length_penalty": (LengthPenalty, inference_pb2.LengthPenalty),
    "return_options": (ReturnOptions, inference_pb2.ReturnOptions),
}
"""Generation parameters that are messages themselves."""


class PromptFields(TypedDict, total=False):
    """The field of `oneof prompt` that is set, and the values of the prompt's variables."""

    text: str
    structured: inference_pb2.StructuredPrompt
    prompt_variables: Mapping[str, str]


def _struct(field: str, values: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    try:
        message.update(dict(values))
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidArgumentError.of(
            field, f"must map names to text, numbers, True or False, lists or mappings of these: {error}"
        ) from None
    return message


def tune_parameters(parameters: TuneParameters) -> tune_parameters_pb2.TuneParameters:
    """Encode tuning parameters; those that are None stay unset."""
    values = {
        item.name: getattr(parameters, item.name)
        for item in fields(TuneParameters)
        if item.name != "method_parameters" and getattr(parameters, item.name) is not None
    }
    within = "tune_experiment.parameters"
    message = build(tune_parameters_pb2.TuneParameters, within, **values)
    if parameters.method_parameters:
        message.method_parameters.CopyFrom(_struct(f"{within}.method_parameters", parameters.method_parameters))
    return message


def experiment(
    within: str,
    *,
    options: TaskOptions | None,
    parameters: TuneParameters | None,
    tags: Mapping[str, str] | None,
    **values: Any,
) -> tune_experiment_pb2.TuneExperiment:
    """Encode the configuration of an experiment, without the datasets.

    Args:
        within: Path of the message in its request.
        values: The other fields; those that are None stay unset.
    """
    return build(
        tune_experiment_pb2.TuneExperiment,
        within,
        task_options=task_options(options or TaskOptions()),
        parameters=tune_parameters(parameters or TuneParameters()),
        tags=texts_by_name(f"{within}.tags", tags or {}),
        **values,
    )


def task_options(options: TaskOptions) -> tune_parameters_pb2.TaskOptions:
    """Encode task options; those that are None stay unset."""
    message = build(
        tune_parameters_pb2.TaskOptions,
        "task_options",
        labels=options.labels,
        multi_label=options.multi_label,
        separator=options.separator,
    )
    if options.extra:
        message.extra.CopyFrom(_struct("task_options.extra", options.extra))
    return message


def prompt(value: Prompt, variables: Mapping[str, str] | None = None, within: str = "") -> PromptFields:
    """Return the fields of a request that hold a prompt.

    Args:
        variables: Values for each `{{name}}` in the prompt.
        within: Path of the prompt in its request, such as `requests[0].`.

    Raises:
        InvalidArgumentError: The prompt is neither text nor a StructuredPrompt, or contains text that cannot be sent.
    """
    fields = PromptFields()
    if variables is not None:
        fields["prompt_variables"] = texts_by_name(f"{within}prompt_variables", variables)
    if isinstance(value, str):
        fields["text"] = value
    elif isinstance(value, StructuredPrompt):
        fields["structured"] = _structured(value, f"{within}structured")
    else:
        raise InvalidArgumentError.of(
            f"{within}prompt", f"must be text or a StructuredPrompt, not a {type(value).__name__}"
        )
    return fields


def batch(
    prompts: Iterable[Prompt], variables: Iterable[Mapping[str, str]] | None
) -> list[inference_service_pb2.GenerateRequest]:
    """Return the requests of a batch.

    Args:
        variables: Values of the variables, one mapping for each prompt.

    Raises:
        InvalidArgumentError: A prompt cannot be sent, or the number of mappings differs from the number of prompts.
    """
    requests = []
    for place, (value, mapping) in enumerate(with_variables(prompts, variables)):
        within = f"requests[{place}]"
        fields = prompt(value, mapping, f"{within}.")
        requests.append(build(inference_service_pb2.GenerateRequest, within, **fields))
    return requests


def with_variables(
    prompts: Iterable[Prompt], variables: Iterable[Mapping[str, str]] | None
) -> list[tuple[Prompt, Mapping[str, str] | None]]:
    """Return the prompts, each with the values of its variables.

    Args:
        variables: One mapping for each prompt; None for none.

    Raises:
        InvalidArgumentError: The number of mappings differs from the number of prompts.
    """
    values = collected("prompts", prompts)
    mappings: list[Mapping[str, str] | None] = [None] * len(values)
    if variables is not None:
        mappings = collected("prompt_variables", variables)
    if len(mappings) != len(values):
        raise InvalidArgumentError.of(
            "prompt_variables", f"must contain one mapping for each of {len(values)} prompts, not {len(mappings)}"
        )
    return list(zip(values, mappings, strict=True))


def batch_parts(
    requests: Sequence[inference_service_pb2.GenerateRequest],
) -> Iterator[list[inference_service_pb2.GenerateRequest]]:
    """Split the requests of a batch, in order, into parts that the service accepts.

    A request that is too large forms a part of its own.
    """
    part: list[inference_service_pb2.GenerateRequest] = []
    taken = 0
    for request in requests:
        size = request.ByteSize() + _FIELD_BYTES
        if part and (len(part) == MAX_BATCH_REQUESTS or taken + size > MAX_REQUEST_BYTES - _SHARED_BYTES):
            yield part
            part, taken = [], 0
        part.append(request)
        taken += size
    if part:
        yield part


def _structured(value: StructuredPrompt, within: str) -> inference_pb2.StructuredPrompt:
    return build(
        inference_pb2.StructuredPrompt,
        within,
        instruction=value.instruction,
        examples=[
            build(inference_pb2.PromptExample, f"{within}.examples[{place}]", input=item.input, output=item.output)
            for place, item in enumerate(value.examples)
        ],
        input=value.input,
        input_prefix=value.input_prefix,
        output_prefix=value.output_prefix,
    )


def generate_parameters(parameters: GenerateKeywords) -> inference_pb2.GenerateParameters:
    """Encode generation parameters; those that are None stay unset.

    Raises:
        TypeError: A parameter is unknown.
        InvalidArgumentError: Values do not fit their fields. The error names all of them.
    """
    unknown = sorted(set(parameters) - set(GenerateKeywords.__annotations__))
    if unknown:
        known = ", ".join(GenerateKeywords.__annotations__)
        raise TypeError(f"{unknown[0]!r} is not a generation parameter; use one of {known}")
    values: dict[str, Any] = dict(parameters)
    method = values.pop("decoding_method", None)
    if method is not None and method not in _DECODING_METHODS:
        raise InvalidArgumentError.of("parameters.decoding_method", f"must be greedy or sample, not {method!r}")
    values["decoding_method"] = _DECODING_METHODS.get(method)
    for name, (kind, message) in _PARTS.items():
        part = values.get(name)
        if part is not None and not isinstance(part, kind):
            raise InvalidArgumentError.of(f"parameters.{name}", f"must be a {kind.__name__}, not {part!r}")
        if part is not None:
            values[name] = build(message, f"parameters.{name}", **asdict(part))
    return build(inference_pb2.GenerateParameters, "parameters", **values)
