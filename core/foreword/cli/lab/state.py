"""What the next text is asked with. Every change makes a new state, so that history keeps the old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from foreword.domain.generate_parameters import SPECS_BY_PATH
from foreword.domain.prompt import PromptExample, StructuredPrompt, check_variables, variable_names
from foreword.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class LabState:
    """Models, prompt and parameters.

    Attributes:
        model: The model under test: a serving name, a tuned model or a base model.
        against: The model that answers beside it; empty for none.
        structured: Whether instruction and examples go in front of the text; otherwise it is sent as it is typed.
        bare: Whether `model` gets the text alone and only `against` instruction and examples, as it was not tuned.
        variables: Values of `{{name}}` in prompts; those of other prompts may lie ready.
        parameters: Generation parameters that are set, by path.
    """

    model: str
    against: str = ""
    instruction: str = ""
    examples: tuple[PromptExample, ...] = ()
    structured: bool = True
    bare: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """Who is asked, the model under test first."""
        return (self.model, self.against) if self.against else (self.model,)

    def prompt(self, model: str, text: str) -> str | StructuredPrompt:
        """What a model is asked for a text."""
        alone = not self.structured or (self.bare and model == self.model)
        if alone or not (self.instruction or self.examples):
            return text
        return StructuredPrompt(instruction=self.instruction, examples=self.examples, input=text)

    def used_variables(self, prompt: str | StructuredPrompt) -> dict[str, str]:
        """The variables that a prompt names: the service refuses values that have no place.

        Raises:
            InvalidArgumentError: Some variables are set, and the prompt names one that is not.
        """
        texts = (prompt,) if isinstance(prompt, str) else prompt.texts()
        names = variable_names(texts)
        used = {name: value for name, value in self.variables.items() if name in names}
        if self.variables:  # while none is set, `{{...}}` is text like any other
            check_variables(texts, used, "/variable")
        return used

    def with_parameter(self, path: str, text: str) -> LabState:
        """The state with a parameter set to what was typed.

        Raises:
            InvalidArgumentError: There is no such parameter, or the value is not one of its.
        """
        spec = SPECS_BY_PATH.get(path)
        if spec is None:
            raise InvalidArgumentError.of(path, f"is no parameter; known are {', '.join(SPECS_BY_PATH)}")
        value = _value(path, spec.type, text)
        fault = spec.fault(value)
        if fault is not None:
            raise InvalidArgumentError.of(path, fault)
        return replace(self, parameters={**self.parameters, path: value})

    def without_parameter(self, path: str) -> LabState:
        """The state with a parameter left to its default.

        Raises:
            InvalidArgumentError: There is no such parameter.
        """
        if path not in SPECS_BY_PATH:
            raise InvalidArgumentError.of(path, f"is no parameter; known are {', '.join(SPECS_BY_PATH)}")
        return replace(self, parameters={name: value for name, value in self.parameters.items() if name != path})


def on_or_off(field: str, text: str) -> bool:
    """What `on` or `off` means.

    Raises:
        InvalidArgumentError: It is neither.
    """
    if text not in ("on", "off"):
        raise InvalidArgumentError.of(field, f"must be on or off, not {text!r:.80}")
    return text == "on"


def _value(path: str, type_: str, text: str) -> Any:
    """A typed value out of what was typed."""
    try:
        match type_:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return on_or_off(path, text)
            case "string_list":
                return tuple(text.split(" | "))
    except ValueError:
        raise InvalidArgumentError.of(
            path, f"must be a {'whole ' * (type_ == 'int')}number, not {text!r:.80}"
        ) from None
    return text
