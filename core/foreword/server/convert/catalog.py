"""Conversion of base models, tasks, tuning methods, validators and plugins to messages."""

from __future__ import annotations

from foreword.domain.base_model import BaseModelSpec
from foreword.names import BaseModelName
from foreword.plugin.interfaces import RowValidator, Task, TuningMethod
from foreword.plugin.status import PluginStatus
from foreword.server.convert.parameters import parameter_spec, tune_parameters
from foreword.server.convert.report import metric_spec
from foreword.v1 import catalog_pb2


def base_model(spec: BaseModelSpec, plugin: str, aliases: tuple[str, ...]) -> catalog_pb2.BaseModel:
    """Convert a base model to a message."""
    return catalog_pb2.BaseModel(
        name=str(BaseModelName(spec.id)),
        display_name=spec.display_name,
        description=spec.description,
        architecture=f"ARCHITECTURE_{spec.architecture.name}",
        context_tokens=spec.context_tokens,
        hidden_size=spec.hidden_size,
        parameter_count=spec.parameter_count,
        licence=spec.licence,
        tunable=spec.tunable,
        recipes={tuning_type: tune_parameters(recipe) for tuning_type, recipe in spec.recipes.items()},
        aliases=aliases,
        plugin=plugin,
    )


def task(item: Task, plugin: str) -> catalog_pb2.Task:
    """Convert a task to a message."""
    return catalog_pb2.Task(
        id=item.id,
        display_name=item.display_name,
        description=item.description,
        default_verbalizer=item.default_verbalizer,
        closed=item.closed,
        options=[parameter_spec(option) for option in item.options],
        metrics=[metric_spec(metric) for metric in item.metrics],
        plugin=plugin,
    )


def tuning_method(item: TuningMethod, plugin: str) -> catalog_pb2.TuningMethod:
    """Convert a tuning method to a message."""
    return catalog_pb2.TuningMethod(
        id=item.id,
        display_name=item.display_name,
        description=item.description,
        parameters=[parameter_spec(parameter) for parameter in item.parameters],
        plugin=plugin,
        unused_parameters=sorted(item.unused_parameters),
    )


def row_validator(item: RowValidator, plugin: str) -> catalog_pb2.RowValidator:
    """Convert a row validator to a message."""
    return catalog_pb2.RowValidator(id=item.id, description=item.description, plugin=plugin)


def plugin(status: PluginStatus) -> catalog_pb2.Plugin:
    """Convert the status of a plugin to a message."""
    return catalog_pb2.Plugin(
        id=status.id,
        distribution=status.distribution,
        version=status.version,
        module=status.module,
        state=f"PLUGIN_STATE_{status.state.name}",
        error=status.error,
        provides=status.provides,
        left_out=status.left_out,
    )
