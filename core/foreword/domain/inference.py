"""Requests and answers of inference, and how prompts are put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from foreword.errors import InvalidArgumentError


class StopReason(Enum):
    """Why an answer ended."""

    EOS_TOKEN = "eos_token"  # noqa: S105 - no password
    STOP_SEQUENCE = "stop_sequence"
    MAX_TOKENS = "max_tokens"
    TIME_LIMIT = "time_limit"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateParameters:
    """How to choose and when to stop, with nothing left open.

    Attributes:
        sample: Draw the next token at random instead of taking the likeliest.
        temperature: Divides the logits when sampling.
        top_k: Only this many of the likeliest tokens when sampling; 0 means all.
        top_p: Only the likeliest tokens whose probabilities reach this sum when sampling.
        seed: Seed of this request alone; what other requests do never changes its draws.
    """

    sample: bool = False
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    min_new_tokens: int = 0
    max_new_tokens: int = 128
    stop_sequences: tuple[str, ...] = ()
    include_stop_sequence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens of one request; the soft prompt is counted apart."""

    input_tokens: int
    generated_tokens: int
    soft_prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptExample:
    """One example of a structured prompt."""

    input: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredPrompt:
    """A prompt in parts: the instruction, then the examples, then the input."""

    input: str
    instruction: str = ""
    examples: tuple[PromptExample, ...] = ()
    input_prefix: str = "Input: "
    output_prefix: str = "Output: "

    def compose(self) -> str:
        """The prompt as one text; with neither instruction nor examples it is the bare input."""
        if not self.instruction and not self.examples:
            return self.input
        parts = [self.instruction] if self.instruction else []
        if self.examples:
            parts.append(self.compose_examples())
        parts.append(f"{self.input_prefix}{self.input}\n{self.output_prefix}".rstrip())
        return "\n\n".join(parts)

    def spans(self) -> dict[str, tuple[int, int]]:
        """Where `instruction`, `examples` and `input` stand in the composed text, as start and end, in this order."""
        if not self.instruction and not self.examples:
            return {"instruction": (0, 0), "examples": (0, 0), "input": (0, len(self.input))}
        instruction = len(self.instruction)
        start = instruction + 2 if instruction and self.examples else instruction
        examples = start + len(self.compose_examples())
        first = examples + 2 + len(self.input_prefix)
        return {
            "instruction": (0, instruction),
            "examples": (start, examples),
            "input": (first, first + len(self.input)),
        }

    def compose_examples(self) -> str:
        """The examples as they stand in the prompt; empty when there are none."""
        return "\n\n".join(
            f"{self.input_prefix}{example.input}\n{self.output_prefix}{example.output}" for example in self.examples
        )


_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def check_verbalizer(template: str, field: str) -> None:
    """Checks that a template holds `{{input}}` and no other variable; `{0, 1}` is plain text.

    Raises:
        InvalidArgumentError: `{{input}}` is missing or an unknown variable is named.
    """
    names = set(_VARIABLE.findall(template))
    unknown = sorted(names - {"input"})
    if unknown:
        listed = ", ".join(f"{{{{{name}}}}}" for name in unknown)
        raise InvalidArgumentError.of(field, f"unknown variable {listed}; only {{{{input}}}} is known")
    if "input" not in names:
        raise InvalidArgumentError.of(
            field, "must hold {{input}}, where the text goes; for example: classify: {{input}}"
        )


def apply_verbalizer(template: str, text: str) -> str:
    """Puts `text` where the template says `{{input}}`."""
    return _VARIABLE.sub(lambda _: text, template)


def input_offset(template: str) -> int:
    """Where the text begins in what `apply_verbalizer` makes; the first time if the template repeats it."""
    found = _VARIABLE.search(template)
    return found.start() if found else len(template)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A finished answer."""

    text: str
    stop_reason: StopReason
    usage: TokenUsage
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """Labels in canonical order with their share of the probability over all label sets that were scored."""

    labels: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Scored label sets.

    Attributes:
        label_sets: All that were scored, likeliest first.
        label_probabilities: For each label, the summed probability of the label sets that hold it.
    """

    label_sets: tuple[LabelSet, ...]
    label_probabilities: Mapping[str, float]
    usage: TokenUsage
