"""A file that a command has checked as an upload does, with its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.data.data_settings import DataSettings
from foreword.cli.named_options import Holder, chosen, read_named_options
from foreword.domain.counted import counted
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import DataReport

if TYPE_CHECKING:
    from foreword.data.row_file import RowFile
    from foreword.plugin.interfaces import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """The result of checking a file.

    Attributes:
        rows: The rows without errors, which stay on disk.
        task: The task that was set or chosen; None if none suits the rows.
        options: Options of the task.
    """

    report: DataReport
    rows: RowFile
    task: Task | None
    options: TaskOptions

    def check_usable(self, name: str) -> None:
        """Print the report of a file with faults, and fail.

        Raises:
            ClickException: The file has errors.
        """
        from foreword.cli.render import err_console, print_report

        errors = len(self.report.errors)
        if errors:
            print_report(err_console(), self.report, parts=False)
            raise click.ClickException(
                f"{name} has {counted(errors, 'error')}, so nothing was written. Correct the rows, or see what "
                "`foreword data fix` can correct."
            )

    def check_comparable(self, name: str | Path) -> None:
        """Report on standard error that the rows of a file with faults are left out of a comparison.

        Raises:
            ClickException: None of its rows can be used.
        """
        from foreword.cli.render import err_console, print_report

        if not self.report.usable_row_count:
            print_report(err_console(), self.report, parts=False)
            raise click.ClickException(f"No row of {name} can be used, so there is nothing to compare with.")
        left_out = self.report.row_count - self.report.usable_row_count
        if self.report.errors:
            click.echo(
                f"Warning: {name} has faults, so that {left_out:,} of its {counted(self.report.row_count, 'row')} "
                f"{'is' if left_out == 1 else 'are'} left out of the comparison. List them with: "
                f"foreword data check {name}",
                err=True,
            )


@contextmanager
def checked_file(
    chunks: Iterable[bytes],
    *,
    task: str = "",
    options: TaskOptions,
    format: str | None = None,
    named: tuple[str, ...] = (),
    base_model: str = "",
    max_input_tokens: int | None = None,
    unlabelled: bool = False,
    near_duplicates: bool | None = None,
    refuse_long_inputs: bool = False,
    against: Sequence[Row] = (),
    keep_others: bool = False,
    input_column: str = "",
    output_column: str = "",
) -> Iterator[CheckedFile]:
    """Check a file with the installed plugins. Its rows can be read during the block.

    Args:
        chunks: The bytes of the file.
        named: Options of the task as `NAME=VALUE`.
        near_duplicates: Whether to look for nearly equal inputs; None to do so if the file is small enough.
        against: Rows of another file that these rows should not repeat.
        keep_others: Whether the rows keep their other columns.
        input_column: Name of the column with the inputs; empty for `input` or a usual name.
        output_column: Name of the column with the outputs; empty for `output` or a usual name.

    Raises:
        InvalidArgumentError: The task is not installed, an option is wrong, or the file is too large.
    """
    from foreword.data.row_file import RowFile
    from foreword.data.start import start_checker
    from foreword.plugin.manager import PluginManager
    from foreword.server.plans.token_counts import TokenCounters

    settings = DataSettings.read()
    plugins = PluginManager.load(settings.plugins, settings.base_model_aliases)
    if named:
        tasks = [Holder(kind="task", id=item.id, specs=item.options) for item in plugins.tasks]
        options = read_named_options(named, chosen(tasks, task, option="--task")).within(options)
    checker = start_checker(
        plugins,
        task=task,
        options=options,
        format=format or "",
        base_model=base_model,
        max_input_tokens=max_input_tokens or 0,
        max_bytes=settings.max_dataset_bytes,
        counter=TokenCounters().counter,
        unlabelled=unlabelled,
        near_duplicates=near_duplicates,
        refuse_long_inputs=refuse_long_inputs,
        against=against,
        keep_others=keep_others,
        input_column=input_column,
        output_column=output_column,
    )
    with closing(checker):
        for chunk in chunks:
            checker.feed(chunk)
        found = checker.finish()
        yield CheckedFile(
            report=found.report,
            rows=RowFile(found.file),
            task=plugins.tasks.items.get(found.task),
            options=options,
        )
