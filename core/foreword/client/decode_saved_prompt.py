"""Decoding of saved prompts."""

from __future__ import annotations

from typing import Any

from foreword.client import decode_values as values
from foreword.client import saved_prompt_resources as resources
from foreword.client.keywords import GenerateKeywords
from foreword.domain.inference import LengthPenalty, ReturnOptions
from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.saved_prompt import PromptVariable
from foreword.v1 import inference_pb2, saved_prompt_pb2

_PARTS = {"length_penalty": LengthPenalty, "return_options": ReturnOptions}


def saved_prompt(message: saved_prompt_pb2.SavedPrompt) -> resources.SavedPrompt:
    """Decode a saved prompt."""
    return resources.SavedPrompt(
        name=message.name,
        display_name=message.display_name,
        description=message.description,
        tags=tuple(message.tags),
        version=version(message.version),
        latest_version=message.latest_version,
        etag=message.etag,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
    )


def version(message: saved_prompt_pb2.SavedPromptVersion) -> resources.SavedPromptVersion:
    """Decode a version of a saved prompt."""
    return resources.SavedPromptVersion(
        name=message.name,
        number=message.number,
        prompt=_prompt(message),
        variables=tuple(
            PromptVariable(
                name=item.name, default_value=values.optional(item, "default_value"), description=item.description
            )
            for item in message.variables
        ),
        parameters=generate_parameters(message.parameters),
        model=message.model,
        note=message.note,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
    )


def generate_parameters(message: inference_pb2.GenerateParameters) -> GenerateKeywords:
    """Decode generation parameters; those that are unset are missing."""
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name == "decoding_method":
            method = inference_pb2.GenerateParameters.DecodingMethod.Name(value)
            found[field.name] = method.removeprefix("DECODING_METHOD_").lower()
        elif field.name == "time_limit":
            found[field.name] = value.ToTimedelta()
        elif field.name in _PARTS:
            parts = {part.name: getattr(value, part.name) for part in value.DESCRIPTOR.fields}
            found[field.name] = _PARTS[field.name](**parts)
        else:
            found[field.name] = list(value) if field.is_repeated else value
    keywords: GenerateKeywords = found  # type: ignore[assignment]  # a test compares the names
    return keywords


def _prompt(message: saved_prompt_pb2.SavedPromptVersion) -> str | StructuredPrompt | None:
    match message.WhichOneof("prompt"):
        case "text":
            return message.text
        case "structured":
            prompt = message.structured
            prefixes = {
                name: getattr(prompt, name) for name in ("input_prefix", "output_prefix") if prompt.HasField(name)
            }
            return StructuredPrompt(
                instruction=prompt.instruction,
                examples=tuple(PromptExample(input=item.input, output=item.output) for item in prompt.examples),
                input=prompt.input,
                **prefixes,
            )
    return None
