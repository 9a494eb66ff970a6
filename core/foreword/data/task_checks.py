"""The checks of a task on the rows of one file, whether the task is set or chosen from the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from foreword.data.findings import FindingCollector
from foreword.data.row_sample import RowSample
from foreword.data.task_choice import choose_task
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, ReportPart, Severity
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import Task, TaskCheck
from foreword.plugin.task_options import check_task_options, undeclared_outputs
from foreword.turns.cancellation import give_way

_ROWS_BEFORE_GUESS: Final = 2000


class TaskChecks:
    """The checks of the task that is set, or of the one that suits the rows.

    A task can only be chosen after the last row. The check of the one that suits the first 2,000 rows already runs on
    the rest, so that a long file is only read again if another task is chosen in the end.

    Args:
        task: None to choose one of `tasks`.
        tasks: None to check nothing if no task is set.
        findings: Where findings are added.

    Raises:
        InvalidArgumentError: The options contradict each other.
    """

    def __init__(
        self,
        task: Task | None,
        tasks: Mapping[str, Task] | None,
        options: TaskOptions,
        findings: FindingCollector,
    ) -> None:
        self._task = task
        self._tasks = tasks or {}
        self._options = options
        self._findings = findings
        self._sample = RowSample()
        self._chooses = task is None and tasks is not None
        self._check: TaskCheck | None = None
        self._guess: Task | None = None
        self._guessed_check: TaskCheck | None = None
        if task is not None:
            _check_options(task, options)
            self._start(task)

    def row(self, row: Row) -> None:
        """Take a usable row into account."""
        if self._task is not None:
            self._take(self._task, row)
        elif self._chooses:
            self._sample.add(row)
            if self._guessed_check is not None:
                self._take_guessed((row,))
            elif self._sample.row_count == _ROWS_BEFORE_GUESS and self._sample.is_complete:
                self._make_guess()

    def finish(self, rows: Callable[[], Iterable[Row]]) -> tuple[Task | None, Sequence[ReportPart]]:
        """Return the task, None if none suits the rows, and the parts of the report from its check.

        Args:
            rows: Reads all usable rows again; there is at least one.

        Raises:
            CancelledError: The caller has gone.
            InvalidArgumentError: The options contradict each other, or no task takes them.
        """
        task = self._choose(rows) if self._chooses else self._task
        return task, [] if task is None else self._finish(task)

    def _choose(self, rows: Callable[[], Iterable[Row]]) -> Task | None:
        """Return the task that suits the rows, after its check of all of them."""
        choice = choose_task(self._sample, self._tasks, self._options)
        for finding in choice.findings:
            self._findings.add(finding)
        task = choice.task
        if task is None:
            return None
        if task is self._guess and self._guessed_check is not None:
            self._check = self._guessed_check
            return task
        self._guessed_check = None
        self._start(task)
        # A small file is its own sample, which need not be parsed again.
        for row in self._sample.rows if self._sample.is_complete else rows():
            if self._check is None:
                break
            give_way()
            self._take(task, row)
        return task

    def _make_guess(self) -> None:
        """Start the check of the task that suits the rows so far."""
        try:
            self._guess = choose_task(self._sample, self._tasks, self._options).task
            self._guessed_check = None if self._guess is None else self._guess.start(self._options)
        except Exception:  # the choice after the last row reports what fails
            return
        self._take_guessed(self._sample.rows)

    def _take_guessed(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if self._guessed_check is None:
                return
            try:
                self._guessed_check.row(row)
            except Exception:  # it fails again and is reported if this task is chosen in the end
                self._guessed_check = None

    def _start(self, task: Task) -> None:
        try:
            self._check = task.start(self._options)
        except Exception as error:  # a task is a plugin's code: if it fails, the rows are still checked
            self._drop(task, error)

    def _take(self, task: Task, row: Row) -> None:
        if self._check is None:
            return
        try:
            self._check.row(row)
        except Exception as error:  # as in _start
            self._drop(task, error)

    def _finish(self, task: Task) -> Sequence[ReportPart]:
        if self._check is None:
            return []
        try:
            findings, parts = self._check.finish()
            for finding in findings:
                self._findings.add(finding, source=task.id)
            return list(parts)
        except InvalidArgumentError as error:
            _check_options(task, self._options)
            for finding in undeclared_outputs(error):
                self._findings.add(finding, source=task.id)
        except Exception as error:  # as in _start
            self._drop(task, error)
        return []

    def _drop(self, task: Task, error: Exception) -> None:
        """Report a task whose check failed, and skip it from now on."""
        self._check = None
        self._findings.add(
            Finding(
                severity=Severity.WARNING,
                code="TASK_CHECK_FAILED",
                message=f"The checks of task {task.id} failed: {type(error).__name__}: {error}",
                remedy="Report this to the author of the plugin. Faults that they look for may have been missed.",
                source=task.id,
            )
        )


def _check_options(task: Task, options: TaskOptions) -> None:
    """Check a task's options before the first row arrives.

    Raises:
        InvalidArgumentError: The task does not have or allow an option, or the options contradict each other.
    """
    check_task_options(task, options)
    try:
        task.fit((), options)
    except InvalidArgumentError:
        raise
    except Exception:  # a task is a plugin's code and may fail without rows; the fit to the real rows reports faults
        return
