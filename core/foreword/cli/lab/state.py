"""The models, the prompt and the parameters of the lab. Each change creates a new state; the history keeps old ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from foreword.domain.generate_parameters import SPECS_BY_PATH
from foreword.domain.near_names import did_you_mean
from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.saved_prompt import INPUT_VARIABLE
from foreword.domain.templates import check_variables, fill_variables, variable_names
from foreword.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class LabState:
    """The models, the prompt and the parameters for the next text.

    Attributes:
        model: The model under test: a serving name, a tuned model or a base model.
        against: The model to compare with; empty for none.
        structured: Whether instruction and examples precede the text; otherwise it is sent as typed.
        template: A plain prompt in which `{{input}}` stands for the text; empty if the prompt has parts.
        bare: Whether only `against`, which is not tuned, gets instruction and examples, and `model` the text alone.
        variables: Values of `{{name}}` in prompts; some may not occur in the current prompt.
        parameters: Generation parameters that are set, by path.
        saved: The saved prompt that was loaded or saved last; empty for none.
    """

    model: str
    against: str = ""
    instruction: str = ""
    examples: tuple[PromptExample, ...] = ()
    input_prefix: str = "Input: "
    output_prefix: str = "Output: "
    structured: bool = True
    template: str = ""
    bare: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    saved: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """The models that answer, the model under test first."""
        return (self.model, self.against) if self.against else (self.model,)

    def prompt(self, model: str, text: str) -> str | StructuredPrompt:
        """Return the prompt of a model for a text."""
        alone = not self.structured or (self.bare and model == self.model)
        if self.template and not alone:
            return fill_variables(self.template, {INPUT_VARIABLE: text})
        if alone or not (self.instruction or self.examples):
            return text
        return StructuredPrompt(
            instruction=self.instruction,
            examples=self.examples,
            input=text,
            input_prefix=self.input_prefix,
            output_prefix=self.output_prefix,
        )

    def used_variables(self, prompt: str | StructuredPrompt) -> dict[str, str]:
        """Return the variables that a prompt contains, because the service refuses unused values.

        Raises:
            InvalidArgumentError: Some variables are set, but the prompt contains one that is not.
        """
        texts = (prompt,) if isinstance(prompt, str) else prompt.texts()
        names = variable_names(texts)
        used = {name: value for name, value in self.variables.items() if name in names}
        if self.variables:  # while none is set, `{{...}}` is plain text
            check_variables(texts, used, "/variable")
        return used

    def with_parameter(self, path: str, text: str) -> LabState:
        """Return the state with a parameter set to a typed value.

        Raises:
            InvalidArgumentError: The parameter is unknown, or it does not allow the value.
        """
        spec = SPECS_BY_PATH.get(path)
        if spec is None:
            raise _unknown(path)
        value = _value(path, spec.type, text)
        fault = spec.fault(value)
        if fault is not None:
            raise InvalidArgumentError.of(path, fault)
        return replace(self, parameters={**self.parameters, path: value})

    def without_parameter(self, path: str) -> LabState:
        """Return the state with a parameter reset to its default.

        Raises:
            InvalidArgumentError: The parameter is unknown.
        """
        if path not in SPECS_BY_PATH:
            raise _unknown(path)
        return replace(self, parameters={name: value for name, value in self.parameters.items() if name != path})


def _unknown(path: str) -> InvalidArgumentError:
    known = f"{', '.join(SPECS_BY_PATH)}{did_you_mean(path, SPECS_BY_PATH)}"
    return InvalidArgumentError.of(path, f"is not a parameter; use one of {known}")


def on_or_off(field: str, text: str) -> bool:
    """Parse `on` or `off`.

    Raises:
        InvalidArgumentError: The text is neither.
    """
    if text not in ("on", "off"):
        raise InvalidArgumentError.of(field, f"must be on or off, not {text!r:.80}")
    return text == "on"


def _value(path: str, type_: str, text: str) -> Any:
    """Convert a text to the type of a parameter."""
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
