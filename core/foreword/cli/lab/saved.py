"""Saved prompts in the lab: what of its state is saved, and the state that a saved prompt makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from foreword.cli.lab.state import LabState
from foreword.client import PromptVariable, SavedPromptVersion
from foreword.client.keywords import generate_values
from foreword.domain.prompt import StructuredPrompt
from foreword.domain.saved_prompt import INPUT_VARIABLE
from foreword.domain.templates import variable_names
from foreword.errors import InvalidArgumentError

_SHOWN: Final = "return_options."
"""Beginning of the parameters that belong to what the lab shows, and not to the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saveable:
    """What is saved of the lab's state.

    Attributes:
        parameters: Values by path.
    """

    prompt: str | StructuredPrompt
    variables: tuple[PromptVariable, ...]
    parameters: Mapping[str, Any]


def saveable(state: LabState) -> Saveable:
    """Return the prompt of the state, without a text that was typed.

    Raises:
        InvalidArgumentError: There is no prompt, or it contains a variable that is not set.
    """
    prompt = state.template or StructuredPrompt(
        instruction=state.instruction,
        examples=state.examples,
        input="",
        input_prefix=state.input_prefix,
        output_prefix=state.output_prefix,
    )
    if not (state.template or state.instruction or state.examples):
        raise InvalidArgumentError.of("/save", "needs an instruction or an example; set one with /instruction")
    given = {**state.variables, INPUT_VARIABLE: ""} if state.template else state.variables
    used = replace(state, variables=given).used_variables(prompt)
    return Saveable(
        prompt=prompt,
        variables=tuple(
            PromptVariable(name=name, default_value=None if state.template and name == INPUT_VARIABLE else value)
            for name, value in used.items()
        ),
        parameters={path: value for path, value in state.parameters.items() if not path.startswith(_SHOWN)},
    )


def with_saved(state: LabState, reference: str, version: SavedPromptVersion) -> LabState:
    """Return the state with the prompt, the variables and the parameters of a version. The models stay.

    Args:
        reference: The prompt as the caller has named it, for errors and for the next /save.

    Raises:
        InvalidArgumentError: The prompt is plain text without a place for what is typed.
    """
    prompt = version.prompt
    variables = {item.name: item.default_value for item in version.variables if item.default_value is not None}
    empty = LabState(model=state.model, against=state.against, bare=state.bare)
    filled = replace(empty, variables=variables, parameters=generate_values(version.parameters), saved=reference)
    if isinstance(prompt, StructuredPrompt):
        return replace(
            filled,
            instruction=prompt.instruction,
            examples=prompt.examples,
            input_prefix=prompt.input_prefix,
            output_prefix=prompt.output_prefix,
        )
    if prompt is None or INPUT_VARIABLE not in variable_names([prompt]):
        raise InvalidArgumentError.of(
            "/load",
            f"cannot load {reference}, which is plain text without the variable {{{{input}}}} for what you type; send "
            f"it with: foreword generate MODEL --prompt {reference}",
        )
    variables.pop(INPUT_VARIABLE, None)
    return replace(filled, template=prompt, variables=variables)
