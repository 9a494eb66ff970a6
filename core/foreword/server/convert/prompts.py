"""Parsing of prompts, plain or structured, including their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foreword.domain.prompt import PromptExample, StructuredPrompt, check_variables, fill_variables, filled_length
from foreword.domain.violations import Violations
from foreword.v1 import inference_pb2, inference_service_pb2

MAX_TEXT = 1_000_000
MAX_EXAMPLES = 1_000
MAX_VARIABLES = 100
MAX_VARIABLE_NAME = 100

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

PromptRequest = (
    inference_service_pb2.GenerateRequest
    | inference_service_pb2.StreamGenerateRequest
    | inference_service_pb2.ClassifyRequest
    | inference_service_pb2.TokenizeRequest
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A parsed prompt. `structured` is None for plain text."""

    text: str
    structured: StructuredPrompt | None = None


def parse_prompt(violations: Violations, request: PromptRequest) -> Prompt:
    """Parse the prompt of a request, replace its variables and compose its text."""
    variables = _parse_variables(violations, request)
    match request.WhichOneof("prompt"):
        case "text":
            text = violations.text("text", request.text, MAX_TEXT, required=True)
            if variables and _fits(violations, "text", [text], variables):
                text = fill_variables(text, variables)
            return Prompt(text=text)
        case "structured":
            structured = _parse_structured(violations, request.structured)
            if not _fits(violations, "structured", structured.texts(), variables):
                return Prompt(text="")
            structured = structured.filled(variables) if variables else structured
            text = structured.compose()
            if len(text) > MAX_TEXT:
                violations.add("structured", f"must hold at most {MAX_TEXT:,} characters in total, not {len(text):,}")
            return Prompt(text=text, structured=structured)
        case _:
            violations.add("text", "must be set, or else structured")
            return Prompt(text="")


def _parse_variables(violations: Violations, request: PromptRequest) -> dict[str, str]:
    """Parse the values of the variables, by name."""
    variables = dict(request.prompt_variables)
    if len(variables) > MAX_VARIABLES:
        violations.add("prompt_variables", f"must hold at most {MAX_VARIABLES}, not {len(variables)}")
        return {}
    for name, value in variables.items():
        if len(name) > MAX_VARIABLE_NAME or not _VARIABLE_NAME.fullmatch(name):
            violations.add(
                f"prompt_variables.{name[:MAX_VARIABLE_NAME]}",
                f"must be named by at most {MAX_VARIABLE_NAME} letters, digits and _, not beginning with a digit",
            )
        violations.text(f"prompt_variables.{name[:MAX_VARIABLE_NAME]}", value, MAX_TEXT)
    return variables


def _fits(violations: Violations, field: str, texts: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Return whether the prompt is short enough with its variables, and check that prompt and variables match."""
    if not variables:
        return True
    violations.collect(lambda: check_variables(texts, variables, "prompt_variables"))
    length = filled_length(texts, variables)
    if length > MAX_TEXT:  # checked before the text is built: a value can occur in many places
        violations.add(field, f"must hold at most {MAX_TEXT:,} characters with its variables, not {length:,}")
    return length <= MAX_TEXT


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
