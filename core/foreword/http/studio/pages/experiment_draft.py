"""What was typed into the form of a new experiment, and the request that it stands for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from foreword.client import BaseModel, ParameterSpec, Task, TaskOptions, TuneExperiment, TuneParameters, TuningMethod
from foreword.client import Parameters as CommonParameters
from foreword.http.studio.formats import short_name

PARAMETERS: Final = "parameters."
METHOD_PARAMETERS: Final = "parameters.method_parameters."
OPTIONS: Final = "task_options."
EXTRA_OPTIONS: Final = "task_options.extra."
"""Beginnings of the names of fields, which are their paths in the API's TuneExperiment."""
TEXTS: Final = (
    "display_name",
    "description",
    "dataset",
    "validation_dataset",
    "base_model",
    "task",
    "tuning_type",
    "instruction",
    "verbalizer",
    "evaluate_base",
    "tags",
)
DEFAULT_METHOD: Final = "prompt_tuning"

_KNOWN: Final = frozenset(item.name for item in fields(TuneParameters)) - {"method_parameters"}
_OWN_OPTIONS: Final = frozenset(item.name for item in fields(TaskOptions)) - {"extra"}
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_NUMBERED = re.compile(r" \(\d+\)$")
_BOOLS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """What the service offers to tune with."""

    parameters: CommonParameters
    tasks: tuple[Task, ...]
    methods: tuple[TuningMethod, ...]
    base_models: tuple[BaseModel, ...]

    def specs(self, method: str, tasks: Collection[str]) -> dict[str, ParameterSpec]:
        """Return the parameters of a method and the options of tasks, by the name of the field."""
        chosen = next((item for item in self.methods if item.id == method), None)
        unused = chosen.unused_parameters if chosen is not None else ()
        common = {
            f"{PARAMETERS}{spec.name}": spec
            for spec in self.parameters.tune_parameters
            if spec.name in _KNOWN and spec.name not in unused
        }
        own = {f"{METHOD_PARAMETERS}{spec.name}": spec for spec in (chosen.parameters if chosen is not None else ())}
        options = {
            f"{OPTIONS if spec.name in _OWN_OPTIONS else EXTRA_OPTIONS}{spec.name}": spec
            for task in self.tasks
            if task.id in tasks
            for spec in task.options
        }
        return common | own | options


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The texts of the form, by the names of fields.

    Attributes:
        typed: Texts that are not empty.
        nonce: Differs between two forms, so that sending one twice makes one experiment.
    """

    typed: Mapping[str, str]
    nonce: str = ""

    def text(self, name: str) -> str:
        """Return what a field holds."""
        return self.typed.get(name, "")

    @property
    def method(self) -> str:
        """Id of the tuning method."""
        return self.text("tuning_type") or DEFAULT_METHOD

    def without_parameters(self) -> Draft:
        """Return the draft whose parameters the recipe decides."""
        kept = {name: text for name, text in self.typed.items() if not name.startswith(PARAMETERS)}
        return Draft(typed=kept, nonce=self.nonce)

    def set_parameters(self, specs: Iterable[str]) -> list[str]:
        """Return the names of fields of parameters that are set and apply."""
        return [name for name in specs if name.startswith(PARAMETERS) and name in self.typed]

    def request_id(self) -> str:
        """Return the id of the request to create the experiment: the same for the same form with the same texts."""
        parts = [self.nonce, *(f"{name}={text}" for name, text in sorted(self.typed.items()))]
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def request(self, specs: Mapping[str, ParameterSpec]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the arguments for `create_tune_experiment`, and the faults of texts that are no values, by field.

        Args:
            specs: The parameters and options that apply; what was typed for others is left out.
        """
        values: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for name, spec in specs.items():
            if name in self.typed:
                try:
                    values[name] = parsed(spec, self.typed[name])
                except ValueError:
                    faults[name] = f"must be {spec.allowed}, not {self.typed[name][:80]!r}"
        tags, wrong = _tags(self.text("tags"))
        if wrong:
            faults["tags"] = f"must have a line KEY=VALUE for each tag, not {wrong[:80]!r}"
        parameters = _below(values, PARAMETERS, but=METHOD_PARAMETERS)
        options = _below(values, OPTIONS, but=EXTRA_OPTIONS)
        if "labels" in options:
            options["labels"] = tuple(options["labels"])
        extra = _below(values, EXTRA_OPTIONS)
        compares = self.text("evaluate_base")
        return {
            **{name: self.text(name) for name in ("display_name", "description", "base_model", "task", "verbalizer",
                                                  "instruction")},
            "dataset": self.text("dataset"),
            "validation_dataset": self.text("validation_dataset") or None,
            "tuning_type": self.method,
            "evaluate_base": _BOOLS.get(compares),
            "task_options": TaskOptions(**options, extra=extra or None),
            "parameters": TuneParameters(**parameters, method_parameters=_below(values, METHOD_PARAMETERS)),
            "tags": tags,
        }, faults  # fmt: skip


def copied(experiment: TuneExperiment) -> dict[str, str]:
    """Return the texts of a form that asks for what an experiment was asked for."""
    options = experiment.task_options
    values: dict[str, Any] = {
        "display_name": _NUMBERED.sub("", experiment.display_name),
        "description": experiment.description,
        "dataset": short_name(experiment.dataset),
        "validation_dataset": short_name(experiment.validation_dataset),
        "base_model": experiment.base_model,
        "task": experiment.task,
        "tuning_type": experiment.tuning_type,
        "instruction": experiment.instruction,
        "verbalizer": experiment.verbalizer,
        "evaluate_base": experiment.evaluate_base,
        "tags": "\n".join(f"{key}={value}" for key, value in sorted(experiment.tags.items())),
        **{f"{PARAMETERS}{name}": getattr(experiment.parameters, name) for name in sorted(_KNOWN)},
        **{f"{METHOD_PARAMETERS}{name}": value for name, value in experiment.parameters.method_parameters.items()},
        **{f"{OPTIONS}{name}": getattr(options, name) for name in sorted(_OWN_OPTIONS)},
        **{f"{EXTRA_OPTIONS}{name}": value for name, value in (options.extra or {}).items()},
    }
    return {name: text for name, value in values.items() if (text := written(value))}


def written(value: Any) -> str:
    """Return a value as it is typed; empty for none."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.10g}"
        case list() | tuple():
            return "\n".join(str(item) for item in value)
    return str(value)


def parsed(spec: ParameterSpec, text: str) -> Any:
    """Return the value of a text.

    Raises:
        ValueError: The text is no value of the parameter's type. Its range is the service's to check.
    """
    match spec.type:
        case "int":
            if not _WHOLE.fullmatch(text.strip()):
                raise ValueError(text)
            return int(text)
        case "float":
            return float(text)
        case "bool":
            if text not in _BOOLS:
                raise ValueError(text)
            return _BOOLS[text]
        case "string_list":
            return [line.strip() for line in text.splitlines() if line.strip()]
    return text


def _below(values: Mapping[str, Any], prefix: str, *, but: str = "-") -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name.startswith(prefix) and not name.startswith(but)}
    return {name.removeprefix(prefix): value for name, value in found.items()}


def _tags(text: str) -> tuple[dict[str, str], str]:
    """Return the tags in a text with one a line, and the first line that is none."""
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        key, is_tag, value = line.partition("=")
        if not is_tag:
            return {}, line
        found[key.strip()] = value.strip()
    return found, ""
