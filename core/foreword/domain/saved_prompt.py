"""Saved prompts: named prompts in versions, which the keys of a tenant share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from foreword.domain.prompt import StructuredPrompt
from foreword.domain.templates import MAX_PROMPT, check_variables, fill_variables, filled_length
from foreword.errors import InvalidArgumentError

MAX_SAVED_PROMPTS: Final = 1_000
"""Maximum number of saved prompts of a tenant."""
MAX_VERSIONS: Final = 100
"""Maximum number of versions of a saved prompt. Old ones are kept, because programs refer to them by number."""
MAX_SAVED_CHARACTERS: Final = 300_000
"""Maximum length of a saved prompt in characters, with which a request with all its fields stays below 2 MiB."""
INPUT_VARIABLE: Final = "input"
"""The variable of a plain prompt that takes its input."""
MAX_DEFAULT_VALUE: Final = 1_000
MAX_VARIABLE_DESCRIPTION: Final = 200
MAX_NOTE: Final = 500
MAX_MODEL: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVariable:
    """A variable, which a prompt contains as `{{name}}`.

    Attributes:
        default_value: Value that is used if the caller gives none; None if the caller must give one.
    """

    name: str
    default_value: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptContent:
    """A prompt with its variables.

    Attributes:
        text: A plain prompt; None if it is structured.
        structured: A prompt in parts, whose input may be empty; None for a plain one.
        variables: Declared variables; if there are none, `{{...}}` is ordinary text.
    """

    text: str | None = None
    structured: StructuredPrompt | None = None
    variables: tuple[PromptVariable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPromptVersion:
    """A version to save.

    Attributes:
        parameters: Suggested generation parameters, in the JSON form of the API's `GenerateParameters`.
        model: The model that the prompt was written for, as requests name it; empty for none.
        note: What the version is for or changes.
    """

    content: PromptContent
    parameters: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPromptVersion:
    """A version of a saved prompt.

    Attributes:
        number: Number of the version, from 1.
        content: The prompt; None in lists that leave it out.
        parameters: As in `NewPromptVersion`.
        creator: Id of the API key that saved it.
    """

    tenant: str
    saved_prompt: str
    number: int
    content: PromptContent | None
    parameters: Mapping[str, Any]
    model: str
    note: str
    creator: str
    create_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPrompt:
    """A saved prompt with one of its versions.

    Attributes:
        version: The newest version, unless another was asked for.
        latest_version: Number of the newest version.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    tags: tuple[str, ...]
    version: SavedPromptVersion
    latest_version: int
    etag: str
    creator: str
    create_time: datetime
    update_time: datetime


def filled_prompt(
    prompt: str | StructuredPrompt,
    variables: Sequence[PromptVariable],
    values: Mapping[str, str],
    *,
    input: str | None = None,
) -> str | StructuredPrompt:
    """Return a prompt with the values of its variables in place.

    Args:
        variables: The declared variables, whose defaults are used where `values` has nothing.
        values: Values by name.
        input: Input of a structured prompt, or the value of the variable `input` of a plain one. It is used as it is,
            even if it contains `{{...}}`, so that a text of somebody else cannot use the variables. Default: the
            prompt's own input.

    Raises:
        InvalidArgumentError: A variable has no value, a value belongs to no variable, or the values make the prompt
            longer than `MAX_PROMPT` (field `variables`), or the prompt has no place for the input (field `input`).
    """
    known = {item.name: item.default_value for item in variables if item.default_value is not None} | dict(values)
    if input is not None and isinstance(prompt, str):
        if all(item.name != INPUT_VARIABLE for item in variables):
            raise InvalidArgumentError.of(
                "input", "has no place in this prompt, which is plain text without the variable {{input}}; leave it out"
            )
        known[INPUT_VARIABLE] = input
    texts = (prompt,) if isinstance(prompt, str) else prompt.texts()
    if variables or values:
        check_variables(texts, known, "variables")
    grown = partial(filled_length, variables=known)
    length = grown(prompt) if isinstance(prompt, str) else prompt.composed_length(grown)
    if length > MAX_PROMPT:
        raise InvalidArgumentError.of(
            "variables",
            f"make the prompt {length:,} characters long, and at most {MAX_PROMPT:,} are possible; shorten a value or "
            "the input",
        )
    if isinstance(prompt, str):
        return fill_variables(prompt, known)
    filled = prompt.filled(known)
    return filled if input is None else replace(filled, input=input)
