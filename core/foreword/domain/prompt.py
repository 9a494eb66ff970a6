"""Composition of prompts from parts, and of inputs that fit into a model."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from foreword.domain.templates import fill_variables

MOST_CHARACTERS_PER_TOKEN: Final = 32
"""Characters of a text that are worth tokenizing for each token that fits. Usual texts have 3 to 5 characters per
token, so a longer text does not fit, and its length alone shows this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptExample:
    """An example in a structured prompt."""

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

    def composed_length(self, length: Callable[[str], int] = len) -> int:
        """Return the maximum length of the composed text in characters, without composing it.

        Args:
            length: Returns the length of a part in the composed text, such as that with its variables filled in.
        """
        if not self.instruction and not self.examples:
            return length(self.input)
        last = length(self.input_prefix) + length(self.input) + len("\n") + length(self.output_prefix)
        return length(self.instruction) + 2 * len("\n\n") + self._examples_length(length) + last

    def compose(self) -> str:
        """Return the prompt as one text; the bare input if there is neither an instruction nor an example."""
        if not self.instruction and not self.examples:
            return self.input
        parts = [self.instruction] if self.instruction else []
        if self.examples:
            parts.append(self.compose_examples())
        parts.append(f"{self.input_prefix}{self.input}\n{self.output_prefix}".rstrip())
        return "\n\n".join(parts)

    def spans(self) -> dict[str, tuple[int, int]]:
        """Return the start and end of `instruction`, `examples` and `input` in the composed text, in this order."""
        if not self.instruction and not self.examples:
            return {"instruction": (0, 0), "examples": (0, 0), "input": (0, len(self.input))}
        instruction = len(self.instruction)
        start = instruction + 2 if instruction and self.examples else instruction
        examples = start + self._examples_length(len)
        first = examples + 2 + len(self.input_prefix)
        return {
            "instruction": (0, instruction),
            "examples": (start, examples),
            "input": (first, first + len(self.input)),
        }

    def texts(self) -> tuple[str, ...]:
        """Return the texts of all parts, in no particular order."""
        shown = [text for example in self.examples for text in (example.input, example.output)]
        return (self.instruction, self.input, self.input_prefix, self.output_prefix, *shown)

    def filled(self, variables: Mapping[str, str]) -> StructuredPrompt:
        """Return the prompt with the variables of all parts replaced by their values; see `fill_variables`.

        Check `composed_length` first. Prefixes that `compose` does not use are kept as they are.
        """
        if not self.instruction and not self.examples:
            return replace(self, input=fill_variables(self.input, variables))
        return StructuredPrompt(
            input=fill_variables(self.input, variables),
            instruction=fill_variables(self.instruction, variables),
            examples=tuple(
                PromptExample(
                    input=fill_variables(item.input, variables), output=fill_variables(item.output, variables)
                )
                for item in self.examples
            ),
            input_prefix=fill_variables(self.input_prefix, variables),
            output_prefix=fill_variables(self.output_prefix, variables),
        )

    def compose_examples(self) -> str:
        """Return the examples as they appear in the prompt; empty if there are none."""
        return "\n\n".join(
            f"{self.input_prefix}{example.input}\n{self.output_prefix}{example.output}" for example in self.examples
        )

    def _examples_length(self, length: Callable[[str], int]) -> int:
        """Return the length of the composed examples, with the given length of each part."""
        if not self.examples:
            return 0
        around = length(self.input_prefix) + len("\n") + length(self.output_prefix) + len("\n\n")
        texts = sum(length(example.input) + length(example.output) for example in self.examples)
        return texts + around * len(self.examples) - len("\n\n")


def compose_to_fit(
    text: str, max_tokens: int, *, compose: Callable[[str], str], count_tokens: Callable[[str], int]
) -> str:
    """Compose a prompt from a text, cutting the end of the text so that the prompt fits.

    Only the text is cut, never its surroundings: a model that was tuned without the end of its template would not
    recognise it when served. A text of more than `MOST_CHARACTERS_PER_TOKEN` characters for each token is cut to that
    length before any of it is tokenized.

    Args:
        max_tokens: Maximum length of the result. Exceeded only if the surroundings alone are that long.
        compose: Puts the text into its surroundings.
        count_tokens: Counts the tokens of a composed text.
    """
    text = text[: max_tokens * MOST_CHARACTERS_PER_TOKEN]
    whole = compose(text)
    if count_tokens(whole) <= max_tokens:
        return whole
    # Cut by characters, because decoded tokens need not reproduce the text. The halves of the search shrink, so that
    # it costs about two passes over the whole text.
    text = text.strip()
    lengths = range(1, len(text) + 1)
    kept = bisect_right(lengths, max_tokens, key=lambda length: count_tokens(compose(text[:length].rstrip())))
    return compose(text[: max(1, kept)].rstrip())
