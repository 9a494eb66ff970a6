"""How prompts are put together: parts, variables, and the template of a tuned model."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError


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

    def texts(self) -> tuple[str, ...]:
        """Every part, in no particular order."""
        shown = [text for example in self.examples for text in (example.input, example.output)]
        return (self.instruction, self.input, self.input_prefix, self.output_prefix, *shown)

    def filled(self, variables: Mapping[str, str]) -> StructuredPrompt:
        """The prompt with values in place of the variables of all its parts; see `fill_variables`."""
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
        """The examples as they stand in the prompt; empty when there are none."""
        return "\n\n".join(
            f"{self.input_prefix}{example.input}\n{self.output_prefix}{example.output}" for example in self.examples
        )


_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def variable_names(texts: Iterable[str]) -> set[str]:
    """Names of the variables that stand in these texts as `{{name}}`."""
    return {name for text in texts for name in _VARIABLE.findall(text)}


def check_variables(texts: Iterable[str], variables: Mapping[str, str], field: str) -> None:
    """Checks that every `{{name}}` in these texts has a value and every value a place.

    Raises:
        InvalidArgumentError: Names every variable without a value, and every value that is not used.
    """
    names = variable_names(texts)
    violations = Violations()
    for name in sorted(names - set(variables)):
        violations.add(field, f"lacks {name}, which the prompt has as {{{{{name}}}}}")
    for name in sorted(set(variables) - names):
        violations.add(
            f"{field}.{name[:80]}",
            f"is not used; write {{{{{name[:80]}}}}} in the prompt where it belongs, or leave it out",
        )
    violations.check()


def filled_length(texts: Iterable[str], variables: Mapping[str, str]) -> int:
    """Characters that the texts have at most once the values are put in, found without putting them in."""
    return sum(len(text) + sum(len(variables.get(name, "")) for name in _VARIABLE.findall(text)) for text in texts)


def fill_variables(text: str, variables: Mapping[str, str]) -> str:
    """Puts values where a text says `{{name}}`; what has no value stays.

    What a value holds is plain text, whatever it looks like.
    """
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)


def check_verbalizer(template: str, field: str) -> None:
    """Checks that a template holds `{{input}}` and no other variable; `{0, 1}` is plain text.

    Raises:
        InvalidArgumentError: `{{input}}` is missing or an unknown variable is named.
    """
    names = variable_names([template])
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


def compose_to_fit(
    text: str, max_tokens: int, *, compose: Callable[[str], str], count_tokens: Callable[[str], int]
) -> str:
    """What `compose` makes of a text, of which as much of the beginning stays as there is room for.

    What stands around the text is never cut: a model that was tuned without the end of its template does not know it
    when it is served.

    Args:
        max_tokens: Longest result; exceeded only where what stands around the text is as long as that by itself.
        count_tokens: Counts the tokens of a composed text.
    """
    whole = compose(text)
    if count_tokens(whole) <= max_tokens:
        return whole
    # By characters of the text itself, since decoded tokens need not read like it. The halves shrink towards what
    # fits: all in all about two passes over the whole text.
    text = text.strip()
    lengths = range(1, len(text) + 1)
    kept = bisect_right(lengths, max_tokens, key=lambda length: count_tokens(compose(text[:length].rstrip())))
    return compose(text[: max(1, kept)].rstrip())


def input_offset(template: str) -> int:
    """Where the text begins in what `apply_verbalizer` makes; the first time if the template repeats it."""
    found = _VARIABLE.search(template)
    return found.start() if found else len(template)
