"""The choice of a task for rows when none is set.

Data checks and plans both use this choice, so that an upload and a run agree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from foreword.data.row_sample import RowSample
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, Severity
from foreword.domain.violations import Violations
from foreword.plugin.interfaces import Suitability, Task
from foreword.plugin.task_options import option_field, set_options


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChoice:
    """The result of choosing a task.

    Attributes:
        task: None if no installed task suits the rows.
        findings: One remark with the choice and its reason, and a warning for each task that failed.
    """

    task: Task | None
    findings: tuple[Finding, ...]


def choose_task(sample: RowSample, tasks: Mapping[str, Task], options: TaskOptions) -> TaskChoice:
    """Choose the task that suits the rows best.

    Each task rates the rows by itself; see `Task.suits`. A task that does not take an option that is set is left out.
    The task that was registered first wins a tie.

    Raises:
        InvalidArgumentError: No task takes the options that are set.
    """
    named = set_options(options).keys()
    candidates = {id: task for id, task in tasks.items() if named <= {spec.name for spec in task.options}}
    if named and not candidates:
        _refuse(named, tasks)
    ratings: dict[str, Suitability] = {}
    failures: list[Finding] = []
    for id, task in candidates.items():
        try:
            rating = task.suits(sample.rows, options)
        except Exception as error:  # a task is a plugin's code: if it fails, the others can still be chosen
            failures.append(_failed(id, error))
            continue
        if rating is not None and rating.score > 0:
            ratings[id] = rating
    best = max(ratings, key=lambda task: ratings[task].score, default=None)
    if best is not None:
        reason = ratings[best].reason
    elif len(candidates) == 1:
        best = next(iter(candidates))
        reason = f"no other task takes {' and '.join(sorted(named))}" if named else "no other task is installed"
    else:
        return TaskChoice(task=None, findings=tuple(failures))
    if not sample.is_complete:
        reason += f" (in a sample of the {sample.row_count:,} rows)"
    return TaskChoice(task=candidates[best], findings=(_chosen(best, reason, tasks), *failures))


def _refuse(named: Collection[str], tasks: Mapping[str, Task]) -> None:
    """Raise the error for options that no single task supports."""
    known = {spec.name for task in tasks.values() for spec in task.options}
    unknown = [name for name in named if name not in known]
    problem = "is not an option of any installed task" if unknown else "is not an option of the task with the others"
    violations = Violations()
    for name in unknown or named:
        violations.add(option_field(name), f"{problem}; set task, and only options of that task")
    violations.check()


def _chosen(id: str, reason: str, tasks: Mapping[str, Task]) -> Finding:
    others = ", ".join(sorted(other for other in tasks if other != id))
    return Finding(
        severity=Severity.INFO,
        code="TASK_CHOSEN",
        message=f"No task was set, so {id} was chosen: {reason}.",
        remedy=f"Set `task` to choose another one: {others}." if others else "",
        source="task",
    )


def _failed(id: str, error: Exception) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="TASK_CHOICE_FAILED",
        message=f"Task {id} could not rate the rows and was not considered: {type(error).__name__}: {error}",
        remedy="Report this to the author of the plugin, or set `task`.",
        source=id,
    )
