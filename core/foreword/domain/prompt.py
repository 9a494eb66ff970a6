"""Composition of prompts from parts, variables and the template of a tuned model."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError


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
        examples = start + len(self.compose_examples())
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
        """Return the prompt with the variables of all parts replaced by their values; see `fill_variables`."""
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


_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def variable_names(texts: Iterable[str]) -> set[str]:
    """Return the names of the variables that these texts contain as `{{name}}`."""
    return {name for text in texts for name in _VARIABLE.findall(text)}


def check_variables(texts: Iterable[str], variables: Mapping[str, str], field: str) -> None:
    """Check that every `{{name}}` in these texts has a value and that every value is used.

    Raises:
        InvalidArgumentError: A variable has no value, or a value is not used. The error names all of them.
    """
    names = variable_names(texts)
    violations = Violations()
    for name in sorted(names - set(variables)):
        violations.add(field, f"has no value for {name}, which the prompt contains as {{{{{name}}}}}; add it")
    for name in sorted(set(variables) - names):
        violations.add(
            f"{field}.{name[:80]}",
            f"is not used; write {{{{{name[:80]}}}}} in the prompt where the value belongs, or remove it",
        )
    violations.check()


def filled_length(texts: Iterable[str], variables: Mapping[str, str]) -> int:
    """Return the maximum length of the texts in characters after the values are inserted, without inserting them."""
    return sum(len(text) + sum(len(variables.get(name, "")) for name in _VARIABLE.findall(text)) for text in texts)


def fill_variables(text: str, variables: Mapping[str, str]) -> str:
    """Replace each `{{name}}` in a text by its value; variables without a value are kept.

    Values are inserted as plain text, even if they contain `{{name}}` themselves.
    """
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)


def check_verbalizer(template: str, field: str) -> None:
    """Check that a template contains `{{input}}` and no other variable; `{0, 1}` is plain text.

    Raises:
        InvalidArgumentError: `{{input}}` is missing, or the template contains another variable.
    """
    names = variable_names([template])
    unknown = sorted(names - {"input"})
    if unknown:
        listed = ", ".join(f"{{{{{name}}}}}" for name in unknown)
        raise InvalidArgumentError.of(field, f"contains unknown variables: {listed}; use only {{{{input}}}}")
    if "input" not in names:
        raise InvalidArgumentError.of(
            field, "must contain {{input}} where the text belongs, for example: classify: {{input}}"
        )


def apply_verbalizer(template: str, text: str) -> str:
    """Replace `{{input}}` in a template by `text`."""
    return _VARIABLE.sub(lambda _: text, template)


def compose_to_fit(
    text: str, max_tokens: int, *, compose: Callable[[str], str], count_tokens: Callable[[str], int]
) -> str:
    """Compose a prompt from a text, cutting the end of the text so that the prompt fits.

    Only the text is cut, never its surroundings: a model that was tuned without the end of its template would not
    recognise it when served.

    Args:
        max_tokens: Maximum length of the result. Exceeded only if the surroundings alone are that long.
        compose: Puts the text into its surroundings.
        count_tokens: Counts the tokens of a composed text.
    """
    whole = compose(text)
    if count_tokens(whole) <= max_tokens:
        return whole
    # Cut by characters, because decoded tokens need not reproduce the text. The halves of the search shrink, so that
    # it costs about two passes over the whole text.
    text = text.strip()
    lengths = range(1, len(text) + 1)
    kept = bisect_right(lengths, max_tokens, key=lambda length: count_tokens(compose(text[:length].rstrip())))
    return compose(text[: max(1, kept)].rstrip())


def input_offset(template: str) -> int:
    """Return the position of the text in the result of `apply_verbalizer`; the first if the template repeats it."""
    found = _VARIABLE.search(template)
    return found.start() if found else len(template)
