"""Tuning parameters: their specifications, their ranges and how unset values are resolved."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from foreword.domain.near_names import did_you_mean
from foreword.domain.violations import Violations


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """The description of a parameter, from which clients draw forms and the service checks values.

    Attributes:
        name: Field or key name.
        type: `int`, `float`, `bool`, `string` or `string_list`.
        minimum: Smallest value allowed; None means no bound.
        exclusive_minimum: Whether the minimum itself is excluded.
        maximum: Largest value allowed, inclusive; None means no bound.
        default: Value used if neither the request nor the recipe sets one.
        unit: Unit, such as `tokens`.
        choices: Values allowed; empty means any in range.
    """

    name: str
    description: str
    type: str
    minimum: float | None = None
    maximum: float | None = None
    default: Any = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    exclusive_minimum: bool = False

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, in words that follow the parameter's name; None if it is valid."""
        right_type = isinstance(value, _TYPES[self.type]) and (self.type == "bool" or not isinstance(value, bool))
        items = value if right_type and self.type == "string_list" else ()
        if not right_type or not all(isinstance(item, str) for item in items):
            return f"must be {self.allowed}, not {value!r:.80}"
        if self.choices and not {*(items if self.type == "string_list" else [value])} <= {*self.choices}:
            return f"must be {self.allowed}, not {value!r:.80}"
        if self.type in ("int", "float"):
            low, high = self.minimum, self.maximum
            # `not >=` also refuses nan.
            outside = (low is not None and not value >= low) or (high is not None and not value <= high)
            if outside or not math.isfinite(value) or (self.exclusive_minimum and value == low):
                return f"must be {self.range}, not {value:.10g}"
        return None

    @property
    def allowed(self) -> str:
        """The type and the allowed values, in words that follow `must be`: `a float in [0, 0.9]`."""
        if self.choices:
            names = ", ".join(self.choices)
            return f"a list of {names}" if self.type == "string_list" else f"one of {names}"
        name = _TYPE_NAMES[self.type]
        return name if self.minimum is None and self.maximum is None else f"{name} {self.range}"

    @property
    def range(self) -> str:
        """The range of a number, in words that follow `must be`."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"in {'(' if self.exclusive_minimum else '['}{low:.10g}, {high:.10g}]"
        if low is not None:
            return f"{'above' if self.exclusive_minimum else 'at least'} {low:.10g}"
        return "finite" if high is None else f"at most {high:.10g}"


_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "string": (str,),
    "string_list": (list, tuple),
}
_TYPE_NAMES: Mapping[str, str] = {
    "int": "an int",
    "float": "a float",
    "bool": "true or false",
    "string": "a string",
    "string_list": "a list of strings",
}


_MOST_SUGGESTED: Final = 8
"""Maximum number of unknown names for which similar ones are suggested, because a request can hold thousands."""


def check_values(
    violations: Violations, specs: Iterable[ParameterSpec], values: Mapping[str, Any], *, field: str, owner: str
) -> None:
    """Collect all values that are unknown, of the wrong type or out of range.

    Args:
        violations: The collection to which faulty fields are added as `field.NAME`.
        specs: The parameters that exist.
        values: The values that are set, by name.
        owner: The owner of the parameters, for messages: `the tuning method ia3`.
    """
    known = {spec.name: spec for spec in specs}
    has_many = len(values.keys() - known.keys()) > _MOST_SUGGESTED
    for name, value in values.items():
        if name in known:
            fault = known[name].fault(value)
        else:
            near = "" if has_many else did_you_mean(name, known)
            fault = f"is unknown; {owner} has {listed(known.values())}{near}"
        if fault is not None:
            violations.add(f"{field}.{name[:80]}", fault)


def listed(specs: Iterable[ParameterSpec]) -> str:
    """Return the names of parameters with their types and ranges: `dose (a float in [0, 1]), mode (one of a, b)`."""
    return ", ".join(f"{spec.name} ({spec.allowed})" for spec in sorted(specs, key=lambda spec: spec.name)) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneParameters:
    """Parameters of a tuning run; None means unset. `TUNE_PARAMETER_SPECS` describes them."""

    batch_size: int | None = None
    num_epochs: int | None = None
    learning_rate: float | None = None
    accumulate_steps: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    init_method: str | None = None
    init_text: str | None = None
    num_virtual_tokens: int | None = None
    seed: int | None = None
    validation_split: float | None = None
    early_stopping_patience: int | None = None
    keep_best: bool | None = None
    refit: bool | None = None
    optimizer: str | None = None
    schedule: str | None = None
    warmup_ratio: float | None = None
    weight_decay: float | None = None
    max_gradient_norm: float | None = None
    method_parameters: Mapping[str, Any] = field(default_factory=dict)
    init_tuned_model: str | None = None


FROM_TUNED_MODEL: Final = "tuned_model"
"""The init method that starts from the tensors of `init_tuned_model`."""

TUNE_PARAMETER_SPECS: tuple[ParameterSpec, ...] = (
    ParameterSpec(
        name="batch_size", type="int", minimum=1, maximum=1024, default=16, unit="rows",
        description="Number of rows per forward pass.",
    ),
    ParameterSpec(
        name="num_epochs", type="int", minimum=1, maximum=1000, default=20,
        description="Number of passes over the training rows.",
    ),
    ParameterSpec(
        name="learning_rate", type="float", minimum=1e-8, maximum=10.0, default=0.03,
        description="Peak learning rate.",
    ),
    ParameterSpec(
        name="accumulate_steps", type="int", minimum=1, maximum=128, default=1, unit="batches",
        description="Number of batches per update.",
    ),
    ParameterSpec(
        name="max_input_tokens", type="int", minimum=1, default=256, unit="tokens",
        description="Maximum length of an input; longer inputs are cut, and the plan counts them.",
    ),
    ParameterSpec(
        name="max_output_tokens", type="int", minimum=1, default=128, unit="tokens",
        description="Maximum length of an answer.",
    ),
    ParameterSpec(
        name="init_method", type="string", default="random",
        choices=("random", "text", "sample_vocab", "labels", "regression", FROM_TUNED_MODEL),
        description="How the prompt is initialised; `regression` fits it to the base model's states of the rows.",
    ),
    ParameterSpec(
        name="init_text", type="string",
        description="Text whose token embeddings initialise the prompt, repeated or cut to its length.",
    ),
    ParameterSpec(
        name="init_tuned_model", type="string",
        description="Tuned model whose tensors the run starts from, of the same base model and tuning method.",
    ),
    ParameterSpec(
        name="num_virtual_tokens", type="int", minimum=1, default=50, unit="vectors",
        description="Length of the soft prompt.",
    ),
    ParameterSpec(
        name="seed", type="int", minimum=0, maximum=2**31 - 1, default=0,
        description="Random seed of the run.",
    ),
    ParameterSpec(
        name="validation_split", type="float", minimum=0.0, maximum=0.5, default=0.2,
        description="Share of the distinct inputs held out to choose the best epoch and to evaluate the result.",
    ),
    ParameterSpec(
        name="early_stopping_patience", type="int", minimum=0, maximum=1000, default=0, unit="epochs",
        description="Number of epochs without a better held-out result after which the run stops; 0 never stops early.",
    ),
    ParameterSpec(
        name="keep_best", type="bool", default=True,
        description="Keep the epoch with the best held-out result instead of the last epoch.",
    ),
    ParameterSpec(
        name="refit", type="bool", default=False,
        description="Tune once more on all rows for the best number of epochs, and keep that result.",
    ),
    ParameterSpec(
        name="optimizer", type="string", default="adamw", choices=("adamw", "adafactor"),
        description="Optimiser.",
    ),
    ParameterSpec(
        name="schedule", type="string", default="linear", choices=("constant", "linear", "cosine"),
        description="Course of the learning rate after the warm-up.",
    ),
    ParameterSpec(
        name="warmup_ratio", type="float", minimum=0.0, maximum=0.5, default=0.05,
        description="Share of the updates during which the learning rate rises from 0.",
    ),
    ParameterSpec(
        name="weight_decay", type="float", minimum=0.0, maximum=1.0, default=0.0,
        description="Decoupled weight decay.",
    ),
    ParameterSpec(
        name="max_gradient_norm", type="float", minimum=0.0, maximum=1000.0, default=1.0,
        description="Gradient norm above which gradients are clipped; 0 does not clip.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedParameters:
    """Fully resolved tuning parameters, with the fields of TuneParameters.

    None marks a parameter that does not apply: `init_text` with most init methods, and those that the tuning method
    does not use.
    """

    batch_size: int
    num_epochs: int
    learning_rate: float
    accumulate_steps: int
    max_input_tokens: int
    max_output_tokens: int
    init_method: str | None
    init_text: str | None
    num_virtual_tokens: int | None
    seed: int
    validation_split: float
    early_stopping_patience: int
    keep_best: bool
    refit: bool
    optimizer: str
    schedule: str
    warmup_ratio: float
    weight_decay: float
    max_gradient_norm: float
    method_parameters: Mapping[str, Any] = field(default_factory=dict)
    init_tuned_model: str | None = None


def resolve_parameters(
    requested: TuneParameters, recipe: TuneParameters, unused: Collection[str] = ()
) -> tuple[ResolvedParameters, dict[str, str]]:
    """Fill unset parameters from the recipe, then from the defaults.

    Args:
        unused: Names of fields that the tuning method does not use; they become None even if requested.

    Returns:
        The parameters, and the source of each (`set`, `recipe` or `default`) by field name. Parameters of the tuning
        method are named `method_parameters.NAME`.
    """
    defaults = {spec.name: spec.default for spec in TUNE_PARAMETER_SPECS}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name in (item.name for item in fields(TuneParameters) if item.name != "method_parameters"):
        if name in unused:
            values[name] = None
            continue
        for source, value in (("set", getattr(requested, name)), ("recipe", getattr(recipe, name))):
            if value is not None:
                values[name], sources[name] = value, source
                break
        else:
            values[name], sources[name] = defaults[name], "default"
    if requested.init_text and requested.init_method is None and "init_method" not in unused:
        # A caller who sets a text wants the prompt to start from it, whatever init method the recipe sets.
        values["init_method"], sources["init_method"] = "text", "set"
    if requested.init_tuned_model and requested.init_method in (None, FROM_TUNED_MODEL):
        # Every method starts from its own tensors, also one that has no other init methods.
        values["init_method"], sources["init_method"] = FROM_TUNED_MODEL, "set"
    values["method_parameters"] = {**recipe.method_parameters, **requested.method_parameters}
    for name in values["method_parameters"]:
        sources[f"method_parameters.{name}"] = "set" if name in requested.method_parameters else "recipe"
    return ResolvedParameters(**values), sources
