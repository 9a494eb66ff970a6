"""Parsing of prompts, plain or structured, including their variables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.templates import MAX_PROMPT, check_variables, filled_length
from foreword.domain.violations import Violations
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import inference_pb2, inference_service_pb2

MAX_EXAMPLES: Final = 1_000
MAX_VARIABLES: Final = 100
MAX_VARIABLE_NAME: Final = 100

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
    """Parse the prompt of a request, replace its variables and compose its text.

    The length of the result is known before anything is composed: a prefix can stand before many examples, and a
    value can stand in many places.
    """
    variables = _parse_variables(violations, request)
    match request.WhichOneof("prompt"):
        case "text":
            text = violations.text("text", request.text, MAX_PROMPT, required=True)
            if not variables or len(text) > MAX_PROMPT:
                return Prompt(text=text)
            filled = _filled(violations, "text", StructuredPrompt(input=text), variables)
            return Prompt(text="" if filled is None else filled.input)
        case "structured":
            structured = parse_structured(violations, "structured", request.structured, needs_input=True)
            filled = _filled(violations, "structured", structured, variables)
            return Prompt(text="") if filled is None else Prompt(text=filled.compose(), structured=filled)
        case _:
            violations.add("text", "must be set, or else structured")
            return Prompt(text="")


def _parse_variables(violations: Violations, request: PromptRequest) -> dict[str, str]:
    """Parse the values of the variables, by name."""
    if len(request.prompt_variables) > MAX_VARIABLES:
        violations.add("prompt_variables", f"must hold at most {MAX_VARIABLES}, not {len(request.prompt_variables):,}")
        return {}
    variables = dict(request.prompt_variables)
    for name, value in variables.items():
        check_variable_name(violations, f"prompt_variables.{name[:MAX_VARIABLE_NAME]}", name)
        violations.text(f"prompt_variables.{name[:MAX_VARIABLE_NAME]}", value, MAX_PROMPT)
    return variables


def _filled(
    violations: Violations, field: str, prompt: StructuredPrompt, variables: dict[str, str]
) -> StructuredPrompt | None:
    """Return the prompt with its variables replaced; None if it would be too long when composed."""
    # First without the values, so that no more than the maximum is searched for variables. The parts are counted as
    # well, because a prefix without an instruction and examples is not composed.
    if not check_prompt_length(violations, field, prompt):
        return None
    if not variables:
        return prompt
    violations.collect(lambda: check_variables(prompt.texts(), variables, "prompt_variables"))
    check_cancelled()  # each step takes tenths of a second for a text that consists of variables
    length = prompt.composed_length(partial(filled_length, variables=variables))
    check_cancelled()
    return prompt.filled(variables) if _fits(violations, field, length, "with its variables") else None


def _fits(violations: Violations, field: str, length: int, counted: str, maximum: int = MAX_PROMPT) -> bool:
    """Return whether a prompt of this length is short enough, and report it if not."""
    if length > maximum:
        violations.add(field, f"must hold at most {maximum:,} characters {counted}, not {length:,}; shorten it")
    return length <= maximum


def check_variable_name(violations: Violations, field: str, name: str) -> None:
    """Check the name of a variable."""
    if len(name) > MAX_VARIABLE_NAME or not _VARIABLE_NAME.fullmatch(name):
        violations.add(
            field, f"must be named by at most {MAX_VARIABLE_NAME} letters, digits and _, not beginning with a digit"
        )


def check_prompt_length(
    violations: Violations, field: str, prompt: StructuredPrompt, maximum: int = MAX_PROMPT
) -> bool:
    """Return whether a prompt is short enough without the values of its variables, and report it if not."""
    length = max(prompt.composed_length(), sum(map(len, prompt.texts())))
    return _fits(violations, field, length, "in total", maximum)


def parse_structured(
    violations: Violations, field: str, message: inference_pb2.StructuredPrompt, *, needs_input: bool
) -> StructuredPrompt:
    """Parse a prompt in parts, without a check of its length in total.

    Args:
        field: Path of the prompt in the request.
        needs_input: Whether the input must not be empty.
    """
    violations.text(f"{field}.input", message.input, MAX_PROMPT, required=needs_input)
    violations.text(f"{field}.instruction", message.instruction, MAX_PROMPT)
    if len(message.examples) > MAX_EXAMPLES:
        violations.add(f"{field}.examples", f"must hold at most {MAX_EXAMPLES:,}, not {len(message.examples):,}")
    examples = message.examples[:MAX_EXAMPLES]
    for place, example in enumerate(examples):
        violations.text(f"{field}.examples[{place}].input", example.input, MAX_PROMPT, required=True)
        violations.text(f"{field}.examples[{place}].output", example.output, MAX_PROMPT)
    prefixes: dict[str, str] = {}
    if message.HasField("input_prefix"):
        prefixes["input_prefix"] = violations.text(f"{field}.input_prefix", message.input_prefix, MAX_PROMPT)
    if message.HasField("output_prefix"):
        prefixes["output_prefix"] = violations.text(f"{field}.output_prefix", message.output_prefix, MAX_PROMPT)
    return StructuredPrompt(
        input=message.input,
        instruction=message.instruction,
        examples=tuple(PromptExample(input=item.input, output=item.output) for item in examples),
        **prefixes,
    )
