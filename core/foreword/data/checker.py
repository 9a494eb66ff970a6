"""Streaming checks of a file: its format, its rows and properties of the whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from foreword.data.columns import COLUMNS, UNLABELLED_COLUMNS
from foreword.data.findings import FindingCollector
from foreword.data.reader import RowReader
from foreword.data.record import example
from foreword.data.row_file import RowFile
from foreword.data.spool import RowSpool
from foreword.data.task_checks import TaskChecks
from foreword.domain.dataset import MAX_DATASET_BYTES, Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import DataReport, Finding, ReportPart, Severity
from foreword.domain.report_limits import limit_report
from foreword.errors import CancelledError, FieldViolation, InvalidArgumentError, InvalidRowsError
from foreword.plugin.interfaces import RowCheck, RowValidator, Task, ValidationContext
from foreword.turns.cancellation import give_way

MAX_ROWS = 1_000_000
"""Maximum number of rows per file. The built-in checks take about 50 bytes of memory per row, whatever its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedData:
    """The result of checking a whole file.

    Attributes:
        file: The stored form of the rows without errors, at its start; see `foreword.data.rows`. It is open until the
            checker is closed.
        row_count: Number of rows in `file`.
        byte_size: Size of `file` in bytes.
        content_sha256: SHA-256 of the rows without their numbers, in hexadecimal.
        stored_sha256: SHA-256 of `file` in hexadecimal.
        task: Task whose checks ran; empty if none was set and none suits the rows.
    """

    report: DataReport
    file: IO[bytes]
    row_count: int
    byte_size: int
    content_sha256: str
    stored_sha256: str
    task: str


class DatasetChecker:
    """A check of one file that finds all faults, not only the first.

    Memory hardly depends on the size of the file: each row is checked and then written to a temporary file. Close the
    checker to remove that file.

    Args:
        validators: Validators to run on every row, in this order. One that raises is reported and then skipped.
        task: Task whose checks also run; None to choose the one of `tasks` that suits the rows.
        format: `jsonl`, `json` or `csv`; empty to detect it.
        count_tokens: Counts the tokens of a text; None if no base model was set.
        max_input_tokens: Maximum length of an input in tokens, used with `count_tokens`.
        max_bytes: Maximum size of the file in bytes.
        folder: Folder for the temporary file; None for the folder of the operating system.
        unlabelled: Whether the rows have no outputs. Then the outputs are empty and no checks of a task run.
        keep_others: Whether the rows keep their other columns; those without outputs always do.
        near_duplicates: Whether to look for nearly equal inputs; None to do so if the file is small enough.
        refuse_long_inputs: Whether inputs longer than the limit are faults instead of warnings.
        against: Rows of another file that these rows should not repeat.
        input_column: Name of the column with the inputs; empty for `input` or a usual name.
        output_column: Name of the column with the outputs; empty for `output` or a usual name.

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
        folder: Path | None = None,
        unlabelled: bool = False,
        keep_others: bool = False,
        near_duplicates: bool | None = None,
        refuse_long_inputs: bool = False,
        against: Sequence[Row] = (),
        input_column: str = "",
        output_column: str = "",
    ) -> None:
        self._columns = UNLABELLED_COLUMNS if unlabelled else COLUMNS
        self._reader = RowReader(
            format, self._columns, keep_others=keep_others, input_column=input_column, output_column=output_column
        )
        self._max_bytes = max_bytes
        self._byte_count = 0
        self._findings = FindingCollector()
        self._parts: list[ReportPart] = []
        self._task_checks = TaskChecks(task, None if unlabelled else tasks, options, self._findings)
        context = ValidationContext(
            task=task.id if task else "",
            count_tokens=count_tokens,
            max_input_tokens=max_input_tokens if count_tokens else None,
            labels=options.labels,
            multi_label=options.multi_label,
            separator=options.separator or ", ",
            unlabelled=unlabelled,
            near_duplicates=near_duplicates,
            refuse_long_inputs=refuse_long_inputs,
            against=against,
        )
        self._checks: dict[str, RowCheck] = {}
        self._running: tuple[tuple[str, RowCheck], ...] = ()
        for validator in validators:
            self._start(validator, context)
        self._running = tuple(self._checks.items())
        self._lock = threading.Lock()
        self._closing = False
        self._spool = RowSpool(folder)

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes of the file.

        Raises:
            CancelledError: The caller has gone.
            InvalidArgumentError: The file is larger than `max_bytes`, or has more than `MAX_ROWS` rows.
            UnavailableError: The temporary file cannot be written.
        """
        self._byte_count += len(chunk)
        if self._byte_count > self._max_bytes:
            raise _too_large(f"the file is larger than {self._max_bytes:,} bytes")
        with self._busy():
            for item in self._reader.feed(chunk):
                self._take(item)

    def finish(self) -> CheckedData:
        """End the file, run the checks of the whole and return the result.

        Raises:
            CancelledError: The caller has gone.
            InvalidArgumentError: The task does not have or allow an option, or the options contradict each other.
            UnavailableError: The temporary file cannot be written.
        """
        with self._busy():
            return self._result()

    def close(self) -> None:
        """Remove the temporary file. If a thread is still busy with the rows, it does so when it ends."""
        self._closing = True
        if self._lock.acquire(blocking=False):
            try:
                self._spool.close()
            finally:
                self._lock.release()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Keep the temporary file open during the block."""
        try:
            with self._lock:
                if self._closing:
                    raise CancelledError("The check was closed.")
                yield
        finally:
            if self._closing:
                self.close()

    def _result(self) -> CheckedData:
        for item in self._reader.finish():
            self._take(item)
        if not self._spool.row_count:
            self._findings.add(self._no_rows())
        self._review()
        for id in tuple(self._checks):
            self._finish(id)
        task: Task | None = None
        if self._spool.row_count:
            task, parts = self._task_checks.finish(self._spool.rows)
            self._parts += parts
        findings, omitted = self._findings.result(self._reader.row_count)
        report = DataReport(
            row_count=self._reader.row_count,
            usable_row_count=self._spool.row_count,
            findings=findings,
            omitted_finding_count=omitted,
            parts=tuple(self._parts),
            format=self._reader.format,
        )
        return CheckedData(
            report=limit_report(report),
            file=self._spool.file(),
            row_count=self._spool.row_count,
            byte_size=self._spool.byte_size,
            content_sha256=self._spool.content_sha256,
            stored_sha256=self._spool.stored_sha256,
            task=task.id if task else "",
        )

    def _take(self, item: Row | Finding) -> None:
        give_way()
        if isinstance(item, Finding):
            self._findings.add(item)
            return
        usable = True
        for id, check in self._running:
            try:
                for finding in check.row(item):
                    self._findings.add(finding, source=id)
                    usable = usable and finding.severity is not Severity.ERROR
            except Exception as error:  # a validator is a plugin's code: if it fails, the other checks go on
                self._drop(id, error, item.number)
        if not usable:
            return
        self._spool.add(item)
        if self._spool.row_count > MAX_ROWS:
            raise _too_large(f"the file has more than {MAX_ROWS:,} rows")
        self._task_checks.row(item)

    def _start(self, validator: RowValidator, context: ValidationContext) -> None:
        try:
            check = validator.start(context)
        except Exception as error:  # as in _take
            self._drop(validator.id, error)
            return
        if check is not None:
            self._checks[validator.id] = check

    def _review(self) -> None:
        """Let the checks that need all rows at once read them again."""
        reviewing = [id for id, check in self._checks.items() if type(check).review is not RowCheck.review]
        if not reviewing or not self._spool.row_count:
            return
        rows = RowFile(self._spool.file(), give_way)
        for id in reviewing:
            try:
                for finding in self._checks[id].review(rows):
                    self._findings.add(finding, source=id)
            except CancelledError:
                raise
            except Exception as error:  # as in _take
                self._drop(id, error)

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
        self._running = tuple(self._checks.items())
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

    def _no_rows(self) -> Finding:
        count = self._reader.row_count
        return Finding(
            severity=Severity.ERROR,
            code="NO_ROWS",
            message=_none_of(count),
            remedy=f"Write rows such as {example(self._columns)}, one per line.",
            source="reader",
        )


def _none_of(count: int) -> str:
    if not count:
        return "No row could be read from the file."
    return "The only row cannot be used." if count == 1 else f"None of the {count:,} rows can be used."


def _too_large(problem: str) -> InvalidArgumentError:
    return InvalidArgumentError.of("chunk", f"{problem}; upload fewer rows", reason="DATASET_TOO_LARGE")


def report_error(report: DataReport) -> InvalidRowsError:
    """Return the error for a report with errors: each is a violation, whose field is that of its first row."""
    violations = [
        FieldViolation(
            field=_field(finding.rows[0] if finding.rows else None, finding.column),
            description=f"{finding.message} {finding.remedy}".strip(),
        )
        for finding in report.errors
    ]
    omitted = report.omitted_finding_count
    more = f"; {omitted:,} more {'finding is' if omitted == 1 else 'findings are'} not listed" if omitted else ""
    if len(violations) == 1 and not omitted:
        message = f"The file has a fault. {_describe(violations[0])}"
    else:
        # That no row can be used follows from the faults of the rows.
        causes = [violation for violation in violations if violation.field != "rows"] or violations
        first = f" The first fault: {_describe(causes[0])}" if causes else ""
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
