"""Conversion of tuning parameters, task options and descriptions of parameters."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from foreword.domain.experiment import MAX_LABEL_CHARACTERS, MAX_LABELS, TaskOptions
from foreword.domain.parameters import (
    FROM_TUNED_MODEL,
    TUNE_PARAMETER_SPECS,
    ParameterSpec,
    ResolvedParameters,
    TuneParameters,
)
from foreword.domain.templates import MAX_TEMPLATE
from foreword.domain.violations import Violations
from foreword.names import TunedModelName
from foreword.server.convert.structs import parse_struct, struct_value
from foreword.v1 import catalog_pb2, tune_parameters_pb2

MAX_SEPARATOR = 20


def parse_tune_parameters(
    violations: Violations, field: str, message: tune_parameters_pb2.TuneParameters
) -> TuneParameters:
    """Parse tuning parameters, and add their faults to `violations`; checks that need the model come later."""
    values: dict[str, Any] = {}
    for spec in TUNE_PARAMETER_SPECS:
        if not message.HasField(spec.name):
            continue
        value = values[spec.name] = getattr(message, spec.name)
        path = f"{field}.{spec.name}"
        fault = spec.fault(value)
        if fault is not None:
            violations.add(path, fault)
        elif spec.type == "string":
            violations.text(path, value, MAX_TEMPLATE)
    extra = parse_struct(violations, f"{field}.method_parameters", message.method_parameters)
    return TuneParameters(**values, method_parameters=extra)


def check_init_text(violations: Violations, field: str, parameters: TuneParameters) -> None:
    """Check that there is a text if the prompt starts from one."""
    if parameters.init_method == "text" and not (parameters.init_text or "").strip():
        violations.add(f"{field}.init_text", "must be set when init_method is text")


def parse_start(violations: Violations, field: str, parameters: TuneParameters) -> TunedModelName | None:
    """Parse the name of the tuned model to start from; None if the run has another start."""
    method, name = parameters.init_method, parameters.init_tuned_model
    if not name:
        if method == FROM_TUNED_MODEL:
            violations.add(f"{field}.init_tuned_model", f"must be set when init_method is {FROM_TUNED_MODEL}")
        return None
    if method not in (None, FROM_TUNED_MODEL):
        violations.add(
            f"{field}.init_tuned_model",
            f"is set, but init_method is {method}; leave one of them unset, or set init_method to {FROM_TUNED_MODEL}",
        )
    return violations.collect(lambda: TunedModelName.parse(name, f"{field}.init_tuned_model"))


def tune_parameters(item: TuneParameters | ResolvedParameters) -> tune_parameters_pb2.TuneParameters:
    """Convert tuning parameters to a message; None leaves a field unset."""
    message = tune_parameters_pb2.TuneParameters()
    for field in fields(item):
        value = getattr(item, field.name)
        if field.name == "method_parameters":
            if value:
                message.method_parameters.update(dict(value))
        elif value is not None:
            setattr(message, field.name, value)
    return message


def parse_task_options(violations: Violations, field: str, message: tune_parameters_pb2.TaskOptions) -> TaskOptions:
    """Parse task options."""
    labels = parse_labels(violations, f"{field}.labels", message.labels)
    separator = message.separator if message.HasField("separator") else None
    if separator is not None:
        violations.text(f"{field}.separator", separator, MAX_SEPARATOR)
        if not separator:
            violations.add(f"{field}.separator", "must not be empty; leave it unset for ', '")
    return TaskOptions(
        labels=labels,
        multi_label=message.multi_label if message.HasField("multi_label") else None,
        separator=separator,
        extra=parse_struct(violations, f"{field}.extra", message.extra) if message.HasField("extra") else None,
    )


def parse_labels(violations: Violations, field: str, values: Any) -> tuple[str, ...]:
    """Parse labels, which must be distinct and not empty."""
    labels = tuple(values)
    if len(labels) > MAX_LABELS:
        violations.add(field, f"must hold at most {MAX_LABELS:,} labels, not {len(labels):,}")
    seen: set[str] = set()
    for place, label in enumerate(labels[:MAX_LABELS]):
        violations.text(f"{field}[{place}]", label, MAX_LABEL_CHARACTERS, required=True)
        if label in seen:
            violations.add(f"{field}[{place}]", f"{label[:80]!r} is listed twice")
        seen.add(label)
    return labels


def task_options(item: TaskOptions) -> tune_parameters_pb2.TaskOptions:
    """Convert task options to a message."""
    message = tune_parameters_pb2.TaskOptions(
        labels=item.labels, multi_label=item.multi_label, separator=item.separator
    )
    if item.extra is not None:
        message.extra.update(dict(item.extra))
    return message


def parameter_spec(spec: ParameterSpec) -> catalog_pb2.ParameterSpec:
    """Convert the description of a parameter to a message."""
    return catalog_pb2.ParameterSpec(
        name=spec.name,
        description=spec.description,
        type=spec.type,
        minimum=spec.minimum,
        maximum=spec.maximum,
        default_value=struct_value(spec.default),
        unit=spec.unit,
        choices=spec.choices,
        exclusive_minimum=spec.exclusive_minimum,
    )
