"""Saved prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from foreword.client.keywords import GenerateKeywords, generate_values
from foreword.domain.prompt import StructuredPrompt
from foreword.domain.saved_prompt import PromptVariable, filled_prompt
from foreword.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPromptVersion:
    """A version of a saved prompt, which never changes.

    Attributes:
        number: Number of the version, from 1.
        prompt: Plain text or a StructuredPrompt, whose input may be empty; None in lists with the view `basic`.
        variables: The declared variables; empty as well in lists with the view `basic`.
        parameters: Suggested generation parameters, for `generate(..., **version.parameters)`.
        model: The model that the prompt was written for; empty for none.
        creator: Id of the key that saved it.
    """

    name: str
    number: int
    prompt: str | StructuredPrompt | None
    variables: tuple[PromptVariable, ...]
    parameters: GenerateKeywords
    model: str
    note: str
    creator: str
    create_time: datetime | None

    def filled(self, variables: Mapping[str, str] | None = None, *, input: str | None = None) -> str | StructuredPrompt:
        """Return the prompt with values in the place of its variables, as `generate` and `classify` take it.

        Args:
            variables: Values by name. Default: those that the version declares.
            input: Input of a structured prompt, or the value of the variable `input` of a plain one. It is used as it
                is: `{{...}}` in it is ordinary text. Default: the input of the version.

        Raises:
            InvalidArgumentError: A variable has neither a value nor a default, a value belongs to no variable, the
                prompt has no place for an input, or the version comes from a list that leaves out prompts.
        """
        if self.prompt is None:
            raise InvalidArgumentError.of(
                "prompt", f"is not part of a list; read it with get_saved_prompt(..., version={self.number})"
            )
        return filled_prompt(self.prompt, self.variables, variables or {}, input=input)

    def parts(self) -> dict[str, str]:
        """Return what the version consists of as texts by name; see `prompt_parts`."""
        return prompt_parts(self.prompt, self.variables, self.parameters, self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPrompt:
    """A prompt that the keys of a tenant share, with one of its versions.

    Attributes:
        version: The newest version, unless another was asked for.
        latest_version: Number of the newest version.
        creator: Id of the key that created it.
    """

    name: str
    display_name: str
    description: str
    tags: tuple[str, ...]
    version: SavedPromptVersion
    latest_version: int
    etag: str
    creator: str
    create_time: datetime | None
    update_time: datetime | None


def prompt_parts(
    prompt: str | StructuredPrompt | None,
    variables: Iterable[PromptVariable],
    parameters: GenerateKeywords,
    model: str,
) -> dict[str, str]:
    """Return what a version consists of as texts by name, in the order in which people read them, to compare versions.

    Parts that are empty, and prefixes that are the service's, are left out.
    """
    found: dict[str, str] = {}
    if isinstance(prompt, StructuredPrompt):
        usual = StructuredPrompt(input="")
        found["instruction"] = prompt.instruction
        for number, example in enumerate(prompt.examples, 1):
            found[f"example {number}"] = f"{example.input} => {example.output}"
        found["input"] = prompt.input
        for name in ("input_prefix", "output_prefix"):
            if getattr(prompt, name) != getattr(usual, name):
                found[name.replace("_", " ")] = repr(getattr(prompt, name))
    else:
        found["text"] = prompt or ""
    for variable in variables:
        found[f"variable {variable.name}"] = (
            "(no default)" if variable.default_value is None else variable.default_value or "(empty)"
        )
    found |= {name: str(value) for name, value in generate_values(parameters).items()}
    found["model"] = model
    return {name: text for name, text in found.items() if text}
