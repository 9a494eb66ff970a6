"""The fields of parameters in the form of a new experiment, each with where its value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from foreword.client import ParameterSpec, TuneExperiment
from foreword.http.studio.formats import words
from foreword.http.studio.pages.experiment_draft import (
    METHOD_PARAMETERS,
    OPTIONS,
    PARAMETERS,
    Catalog,
    Draft,
    written,
)

_GROUPS: Final = {
    "The prompt": ("num_virtual_tokens", "init_method", "init_text", "init_tuned_model"),
    "Training": ("batch_size", "accumulate_steps", "num_epochs", "learning_rate"),
    "Held-out rows": ("validation_split", "early_stopping_patience", "keep_best", "refit"),
}
_REST: Final = "Further parameters"
_SOURCES: Final = {
    "recipe": "the model’s recipe",
    "default": "default",
    "few_rows": "as the rows are few",
    "many_rows": "as the rows are many",
    "long_run": "as the run is long",
    "validation_dataset": "as other rows are held out",
    "tuned_model": "as the tuned model has it",
    "set": "follows from what you set",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A parameter or an option as it is drawn.

    Attributes:
        name: Name of the field.
        typed: What it holds.
        unset: The value that it has if it is left empty, as it would be typed.
        source: Where its value comes from.
        was: What it would be if it were not set; empty if it is not.
        fault: What is wrong with it.
    """

    name: str
    spec: ParameterSpec
    typed: str
    unset: str
    source: str
    was: str
    fault: str

    @property
    def is_long(self) -> bool:
        """Whether it holds a text of several lines."""
        return self.spec.type == "string_list" or (self.spec.type == "string" and self.spec.name.endswith("_text"))

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """Values and what they are called, for a list to choose from; empty if anything may be typed."""
        if self.spec.type == "bool":
            return (("true", "on"), ("false", "off"))
        return () if self.spec.type == "string_list" else tuple((choice, choice) for choice in self.spec.choices)

    @property
    def range(self) -> str:
        """Which values are allowed, for numbers."""
        bounded = self.spec.minimum is not None or self.spec.maximum is not None
        return self.spec.range if bounded and self.spec.type in ("int", "float") else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields with a heading. `folded` are those that few people set."""

    title: str
    fields: tuple[Drawn, ...]
    folded: bool = False

    @property
    def set_count(self) -> int:
        """Number of fields that are set."""
        return sum(bool(item.typed) for item in self.fields)

    @property
    def is_open(self) -> bool:
        """Whether the fields of a folded group are shown at first."""
        return any(item.typed or item.fault for item in self.fields)


def drawn_groups(
    specs: Mapping[str, ParameterSpec],
    draft: Draft,
    catalog: Catalog,
    experiment: TuneExperiment | None,
    faults: Mapping[str, str],
    task_id: str,
) -> list[Group]:
    """Return the fields of the parameters and options that apply, in groups.

    Args:
        experiment: What would be created, with its plan; None if it is not known.
        faults: What is wrong with fields, by name.
        task_id: Id of the task; empty if it is not known.
    """
    recipe = _recipe(draft, catalog, experiment)
    drawn = {name: _drawn(name, spec, draft, recipe, experiment, faults.get(name, "")) for name, spec in specs.items()}
    titles = {name: title for title, names in _GROUPS.items() for name in names}
    groups: dict[str, list[Drawn]] = {title: [] for title in _GROUPS}
    method = next((item.display_name for item in catalog.methods if item.id == draft.method), "Method")
    task = next((item.display_name for item in catalog.tasks if item.id == task_id), "")
    for name, item in drawn.items():
        if name.startswith(METHOD_PARAMETERS):
            title = f"Of the method: {method}"
        elif name.startswith(OPTIONS):
            title = f"Of the task: {task}" if task else "Of the task"
        else:
            title = titles.get(name.removeprefix(PARAMETERS), _REST)
        groups.setdefault(title, []).append(item)
    return [
        Group(title=title, fields=tuple(items), folded=title not in _GROUPS) for title, items in groups.items() if items
    ]


def _drawn(
    name: str,
    spec: ParameterSpec,
    draft: Draft,
    recipe: Mapping[str, Any],
    experiment: TuneExperiment | None,
    fault: str,
) -> Drawn:
    typed = draft.text(name)
    by_recipe = recipe.get(name)
    own = by_recipe if by_recipe is not None else spec.default
    before = _shown(spec, own)
    if name.startswith(OPTIONS):
        unset, source = _option(name, spec, experiment)
    else:
        unset, source = before, "the model’s recipe" if by_recipe is not None else "default"
        if experiment is not None and not typed:
            unset = _shown(spec, _planned_value(name, experiment))
            given = experiment.plan.sources.get(name.removeprefix(PARAMETERS), "")
            source = _SOURCES.get(given, words(given)) or source
    was = ""
    if typed:
        source = "set by you"
        origin = "recipe" if by_recipe is not None else "default"
        was = f"as the {origin} has it" if typed == before else f"{origin}: {before or 'none'}"
        if name.startswith(OPTIONS):
            was = ""
    return Drawn(name=name, spec=spec, typed=typed, unset=unset, source=source, was=was, fault=fault)


def _option(name: str, spec: ParameterSpec, experiment: TuneExperiment | None) -> tuple[str, str]:
    """Return the value of an option that is not set, and where it comes from."""
    option = name.removeprefix(OPTIONS)
    if experiment is not None and option == "labels" and experiment.plan.labels:
        return "\n".join(experiment.plan.labels), "as the rows have it"
    if experiment is not None and option == "multi_label":
        return _shown(spec, experiment.plan.multi_label), "as the rows have it"
    return _shown(spec, spec.default), "default" if spec.default is not None else "as the rows have it"


def _planned_value(name: str, experiment: TuneExperiment) -> Any:
    parameters = experiment.plan.parameters
    if name.startswith(METHOD_PARAMETERS):
        return parameters.method_parameters.get(name.removeprefix(METHOD_PARAMETERS))
    return getattr(parameters, name.removeprefix(PARAMETERS), None)


def _shown(spec: ParameterSpec, value: Any) -> str:
    """Return a value as it is typed. Numbers of a catalog may be whole and yet floats."""
    if spec.type == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    return written(value)


def _recipe(draft: Draft, catalog: Catalog, experiment: TuneExperiment | None) -> dict[str, Any]:
    """Return the values of the recipe by the names of fields; empty if the base model is not known yet."""
    name = draft.text("base_model") or (experiment.base_model if experiment is not None else "")
    models = [item for item in catalog.base_models if item.name == name] or list(catalog.base_models)[:1]
    recipe = models[0].recipes.get(draft.method) if models else None
    if recipe is None:
        return {}
    common = {
        f"{PARAMETERS}{spec.name}": getattr(recipe, spec.name, None) for spec in catalog.parameters.tune_parameters
    }
    return common | {f"{METHOD_PARAMETERS}{key}": value for key, value in recipe.method_parameters.items()}
