"""The choice of a task for a request that names none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foreword.data.row_sample import RowSample
from foreword.data.task_choice import choose_task
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding
from foreword.domain.violations import fields_below
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import Task


def choose_installed_task(
    rows: Sequence[Row], tasks: Mapping[str, Task], options: TaskOptions, prefix: str
) -> tuple[Task, tuple[Finding, ...]]:
    """Choose the installed task that suits the rows, and return the reason.

    Args:
        prefix: Path in the request of the message with the task.

    Raises:
        InvalidArgumentError: No task suits the rows, or none accepts the given options.
    """
    with fields_below(prefix):
        choice = choose_task(RowSample.of(rows), tasks, options)
    if choice.task is None:
        names = ", ".join(sorted(tasks)) or "none"
        raise InvalidArgumentError.of(
            f"{prefix}.task", f"is unset, and no installed task suits the rows; set it to one of: {names}"
        )
    return choice.task, choice.findings
