"""The check of task options against the options that the task declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import check_values, listed
from foreword.domain.report import Finding, Severity
from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import Task

_COMMON: Final = ("labels", "multi_label", "separator")
"""Options that are fields of `TaskOptions`. All other options are in its `extra`."""


def set_options(options: TaskOptions) -> Mapping[str, Any]:
    """Return the options that are set, by name, both fields and extras of `TaskOptions`."""
    common = {name: getattr(options, name) for name in _COMMON}
    return {**{name: value for name, value in common.items() if value not in (None, ())}, **(options.extra or {})}


def with_option(options: TaskOptions, name: str, value: Any) -> TaskOptions:
    """Return the options with one option added or replaced, be it a field or an extra of `TaskOptions`."""
    changes: dict[str, Any] = {name: tuple(value) if name == "labels" else value}
    if name not in _COMMON:
        changes = {"extra": {**(options.extra or {}), name: value}}
    return replace(options, **changes)


def option_field(name: str) -> str:
    """Return the path of an option in a request."""
    return f"task_options.{name}" if name in _COMMON else f"task_options.extra.{name[:80]}"


def undeclared_outputs(error: InvalidArgumentError) -> list[Finding]:
    """Return the findings for rows that contradict the options of their task."""
    return [
        Finding(
            severity=Severity.ERROR,
            code="OUTPUT_NOT_DECLARED",
            message=f"`{violation.field.removeprefix('task_options.')}`: {violation.description}",
            remedy="Correct the rows, or change the options of the task.",
            column="output",
        )
        for violation in error.violations
    ]


def check_task_options(task: Task, options: TaskOptions) -> None:
    """Check that the task has every option that is set, and allows its value.

    Raises:
        InvalidArgumentError: An option is unknown or has a forbidden value; each violation names a field below
            `task_options` and what is allowed.
    """
    declared = {spec.name: spec for spec in task.options}
    owner = f"the task {task.id}"
    violations = Violations()
    common = {name: value for name, value in set_options(options).items() if name in _COMMON}
    for name in common:
        if name not in declared:
            violations.add(
                f"task_options.{name}",
                f"is not an option of {owner}, which has {listed(task.options)}; leave it unset",
            )
    known = {name: value for name, value in common.items() if name in declared}
    check_values(violations, task.options, known, field="task_options", owner=owner)
    own = [spec for spec in task.options if spec.name not in _COMMON]
    check_values(violations, own, options.extra or {}, field="task_options.extra", owner=owner)
    violations.check()
