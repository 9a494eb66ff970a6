"""What a service offers: base models, tasks, tuning methods and plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from foreword.domain.base_model import Architecture
from foreword.domain.parameters import ParameterSpec, TuneParameters
from foreword.domain.report import MetricSpec


class PluginState(Enum):
    """State of an installed plugin."""

    LOADED = "loaded"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """A frozen language model provided by an installed plugin.

    Attributes:
        context_tokens: Maximum length of the input in tokens, including the soft prompt.
        recipes: Values for parameters that an experiment leaves unset, by tuning type.
    """

    name: str
    display_name: str
    description: str
    architecture: Architecture
    context_tokens: int
    hidden_size: int
    parameter_count: int
    licence: str
    tunable: bool
    recipes: Mapping[str, TuneParameters]
    aliases: tuple[str, ...]
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of work that a tuned model does. If `closed`, answers come from a closed set of labels."""

    id: str
    display_name: str
    description: str
    default_verbalizer: str
    closed: bool
    options: tuple[ParameterSpec, ...]
    metrics: tuple[MetricSpec, ...]
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningMethod:
    """A tuning method.

    Attributes:
        parameters: Parameters of this method beyond the common ones.
        unused_parameters: Common parameters without effect; an experiment that sets one is refused.
    """

    id: str
    display_name: str
    description: str
    parameters: tuple[ParameterSpec, ...]
    plugin: str
    unused_parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters that all models have in common.

    Attributes:
        tune_parameters: Parameters of an experiment; the base model's recipe overrides the defaults.
        generate_parameters: Parameters of a request; a dot in a name separates a message from its field.
    """

    tune_parameters: tuple[ParameterSpec, ...]
    generate_parameters: tuple[ParameterSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValidator:
    """A check of dataset rows."""

    id: str
    description: str
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """An installed plugin, loaded or not.

    Attributes:
        error: Reason why the plugin is not in use; empty if it is.
        provides: What the plugin registered, such as `task:classification`.
        left_out: What the plugin cannot provide, each with problem and remedy.
    """

    id: str
    distribution: str
    version: str
    module: str
    state: PluginState
    error: str
    provides: tuple[str, ...]
    left_out: tuple[str, ...]
