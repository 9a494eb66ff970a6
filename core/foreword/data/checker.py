"""Streaming checks of a file: its format, its rows and properties of the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from foreword.data.findings import FindingCollector
from foreword.data.reader import RowReader
from foreword.data.rows import write_rows
from foreword.data.task_choice import choose_task
from foreword.domain.dataset import MAX_DATASET_BYTES, Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import DataReport, Finding, ReportPart, Severity
from foreword.domain.report_limits import limit_report
from foreword.errors import FieldViolation, InvalidArgumentError, InvalidRowsError
from foreword.plugin.interfaces import RowCheck, RowValidator, Schema, Task, ValidationContext
from foreword.plugin.task_options import check_task_options

MAX_ROWS = 1_000_000
"""Maximum number of rows per file. A row takes about 200 bytes of memory beside its texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedData:
    """The result of checking a whole file.

    Attributes:
        rows: Rows without errors, numbered as in the file.
        canonical: The stored form of the rows; see `foreword.data.rows`.
        content_sha256: SHA-256 of `canonical` in hexadecimal.
        task: Task whose checks ran; empty if none was set and none suits the rows.
    """

    report: DataReport
    rows: tuple[Row, ...]
    canonical: bytes
    content_sha256: str
    task: str


class DatasetChecker:
    """A check of one file that finds all faults, not only the first.

    Args:
        validators: Validators to run on every row, in this order. One that raises is reported and then skipped.
        task: Task whose checks also run; None to choose the one of `tasks` that suits the rows.
        format: `jsonl`, `json` or `csv`; empty to detect it.
        count_tokens: Counts the tokens of a text; None if no base model was set.
        max_input_tokens: Maximum length of an input in tokens, used with `count_tokens`.
        max_bytes: Maximum size of the file in bytes.

    Raises:
        InvalidArgumentError: The format is unknown, or the options contradict each other.
    """

    def __init__(
        self,
        *,
        validators: Sequence[RowValidator],
        task: Task | None,
        tasks: Mapping[str, Task],
        options: TaskOptions,
        format: str = "",
        count_tokens: Callable[[str], int] | None = None,
        max_input_tokens: int | None = None,
        max_bytes: int = MAX_DATASET_BYTES,
    ) -> None:
        self._reader = RowReader(format)
        self._task = task
        self._tasks = tasks
        self._options = options
        self._max_bytes = max_bytes
        self._byte_count = 0
        self._findings = FindingCollector()
        self._parts: list[ReportPart] = []
        self._rows: list[Row] = []
        if task is not None:
            _check_options(task, options)
        context = ValidationContext(
            task=task.id if task else "",
            count_tokens=count_tokens,
            max_input_tokens=max_input_tokens if count_tokens else None,
            labels=options.labels,
            multi_label=options.multi_label,
            separator=options.separator or ", ",
        )
        self._checks: dict[str, RowCheck] = {}
        for validator in validators:
            self._start(validator, context)

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes of the file.

        Raises:
            InvalidArgumentError: The file is larger than `max_bytes`, or has more than `MAX_ROWS` rows.
        """
        self._byte_count += len(chunk)
        if self._byte_count > self._max_bytes:
            raise _too_large(f"the file is larger than {self._max_bytes:,} bytes")
        for item in self._reader.feed(chunk):
            self._take(item)

    def finish(self) -> CheckedData:
        """End the file, run the checks of the whole and return the result.

        Raises:
            InvalidArgumentError: The task does not have or allow an option, or the options contradict each other.
        """
        for item in self._reader.finish():
            self._take(item)
        if not self._rows:
            self._findings.add(self._no_rows())
        for id in tuple(self._checks):
            self._finish(id)
        task = self._task or self._choose_task()
        if task is not None and self._rows:
            self._check_task(task)
        canonical = write_rows(self._rows)
        findings, omitted = self._findings.result()
        report = DataReport(
            row_count=self._reader.row_count,
            usable_row_count=len(self._rows),
            findings=findings,
            omitted_finding_count=omitted,
            parts=tuple(self._parts),
            format=self._reader.format,
        )
        return CheckedData(
            report=limit_report(report),
            rows=tuple(self._rows),
            canonical=canonical,
            content_sha256=hashlib.sha256(canonical).hexdigest(),
            task=task.id if task else "",
        )

    def _take(self, item: Row | Finding) -> None:
        if isinstance(item, Finding):
            self._findings.add(item)
            return
        usable = True
        for id, check in tuple(self._checks.items()):
            try:
                for finding in check.row(item):
                    self._findings.add(finding, source=id)
                    usable = usable and finding.severity is not Severity.ERROR
            except Exception as error:  # a validator is a plugin's code: if it fails, the other checks go on
                self._drop(id, error, item.number)
        if usable:
            self._rows.append(item)
        if len(self._rows) > MAX_ROWS:
            raise _too_large(f"the file has more than {MAX_ROWS:,} rows")

    def _start(self, validator: RowValidator, context: ValidationContext) -> None:
        try:
            check = validator.start(context)
        except Exception as error:  # as in _take
            self._drop(validator.id, error)
            return
        if check is not None:
            self._checks[validator.id] = check

    def _finish(self, id: str) -> None:
        try:
            findings, parts = self._checks[id].finish()
            for finding in findings:
                self._findings.add(finding, source=id)
            self._parts += list(parts)
        except Exception as error:  # as in _take
            self._drop(id, error)

    def _drop(self, id: str, error: Exception, number: int | None = None) -> None:
        """Report a validator that failed, and skip it from now on."""
        self._checks.pop(id, None)
        self._findings.add(
            Finding(
                severity=Severity.WARNING,
                code="VALIDATOR_FAILED",
                message=f"Validator {id} failed and was skipped: {type(error).__name__}: {error}",
                remedy="Report this to the author of the plugin. Faults that it looks for may have been missed.",
                rows=() if number is None else (number,),
                source=id,
            )
        )

    def _choose_task(self) -> Task | None:
        """Return the task that suits the rows; None if there are no rows or no task suits them."""
        if not self._rows:
            return None
        choice = choose_task(self._rows, self._tasks, self._options)
        for finding in choice.findings:
            self._findings.add(finding)
        return choice.task

    def _check_task(self, task: Task) -> None:
        try:
            findings, parts = task.check(self._rows, self._fit(task))
            for finding in findings:
                self._findings.add(finding, source=task.id)
            self._parts += list(parts)
        except InvalidArgumentError:
            raise
        except Exception as error:  # a task is a plugin's code: if it fails, the rows were still checked
            self._findings.add(
                Finding(
                    severity=Severity.WARNING,
                    code="TASK_CHECK_FAILED",
                    message=f"The checks of task {task.id} failed: {type(error).__name__}: {error}",
                    remedy="Report this to the author of the plugin. Faults that they look for may have been missed.",
                    source=task.id,
                )
            )

    def _fit(self, task: Task) -> Schema:
        """Fit the task's schema to the rows; if they contradict the declared labels, report that and fit without."""
        try:
            return task.fit(self._rows, self._options)
        except InvalidArgumentError as error:
            _check_options(task, self._options)
            for violation in error.violations:
                self._findings.add(
                    Finding(
                        severity=Severity.ERROR,
                        code="OUTPUT_NOT_DECLARED",
                        message=f"{violation.field}: {violation.description}",
                        remedy="Correct the rows, or change the options of the task.",
                        column="output",
                        source=task.id,
                    )
                )
            return task.fit(self._rows, replace(self._options, labels=()))

    def _no_rows(self) -> Finding:
        count = self._reader.row_count
        return Finding(
            severity=Severity.ERROR,
            code="NO_ROWS",
            message=_none_of(count),
            remedy='Write rows such as {"input": "...", "output": "..."}, one per line.',
            source="reader",
        )


def _none_of(count: int) -> str:
    if not count:
        return "No row could be read from the file."
    return "The only row cannot be used." if count == 1 else f"None of the {count:,} rows can be used."


def _too_large(problem: str) -> InvalidArgumentError:
    return InvalidArgumentError.of("chunk", f"{problem}; upload fewer rows", reason="DATASET_TOO_LARGE")


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


def report_error(report: DataReport) -> InvalidRowsError:
    """Return the error for a report with errors: each faulty row and column is one violation."""
    violations = [
        FieldViolation(field=_field(number, finding.column), description=f"{finding.message} {finding.remedy}".strip())
        for finding in report.errors
        for number in (finding.rows or (None,))
    ]
    omitted = report.omitted_finding_count
    more = f"; {omitted:,} more {'finding is' if omitted == 1 else 'findings are'} not listed" if omitted else ""
    if len(violations) == 1 and not omitted:
        message = f"The file has a fault. {_describe(violations[0])}"
    else:
        first = f" The first fault: {_describe(violations[0])}" if violations else ""
        message = f"The file has {len(violations):,} faults{more}. Correct them and upload it again.{first}"
    return InvalidRowsError(
        violations,
        message,
        metadata={"row_count": str(report.row_count), "usable_row_count": str(report.usable_row_count)},
    )


def _describe(violation: FieldViolation) -> str:
    """Return the description of a fault, after its row if it has one."""
    return violation.description if violation.field == "rows" else f"{violation.field}: {violation.description}"


def _field(number: int | None, column: str) -> str:
    """Return the path of a fault, such as `rows[12].output`, as far as it is known."""
    place = "rows" if number is None else f"rows[{number}]"
    return f"{place}.{column}" if column and number is not None else place
