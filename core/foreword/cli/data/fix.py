"""`foreword data fix`."""

from __future__ import annotations

import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path

import click

from foreword.cli.column_options import column_options
from foreword.cli.data.checked_file import checked_file
from foreword.cli.data.data_settings import DataSettings
from foreword.cli.data.files import (
    INPUT,
    check_output,
    check_place,
    escape_formulas_option,
    file_chunks,
    warn_of_formulas,
)
from foreword.cli.data.shown import shown
from foreword.cli.option_names import in_options
from foreword.cli.task_options import task_options
from foreword.data.fixes.change import CERTAIN, ON_REQUEST, Change, ChangeLog
from foreword.domain.counted import counted
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import DataReport, Finding, Severity

_MOST_SHOWN = 100
_EXPLAINED = {**CERTAIN, **ON_REQUEST}


@click.command(
    epilog="\b\nCorrections:\n"
    + "\n".join(f"{code}: {what}" for code, what in CERTAIN.items())
    + "\n\b\nOnly with --only:\n"
    + "\n".join(f"{code}: {what}" for code, what in ON_REQUEST.items())
)
@click.argument("file", type=INPUT)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .jsonl, .json or .csv. Required without --dry-run.",
)
@click.option("--only", "codes", metavar="CODE", multiple=True, help="Only this correction; may be repeated.")
@click.option("--changes", type=click.Path(dir_okay=False, path_type=Path), help="File for all changes, as JSONL.")
@click.option("--dry-run", is_flag=True, help="Show the changes, and write no corrected file.")
@column_options
@escape_formulas_option
@task_options
@in_options
def fix(
    file: Path,
    out: Path | None,
    codes: tuple[str, ...],
    changes: Path | None,
    dry_run: bool,
    input_column: str,
    output_column: str,
    escape_formulas: bool,
    task: str,
    options: TaskOptions,
) -> None:
    """Write FILE without the faults that can be corrected with certainty.

    Lists every change and what remains to be corrected by a person, such as the same input with different outputs. The
    result is JSONL, JSON or CSV in UTF-8 with the columns input and output first. FILE is not changed. Exits with
    status 1 if faulty rows remain or could not be read.
    """
    from foreword.cli.data.reading import readable_rows
    from foreword.cli.render import out_console, print_findings
    from foreword.data.exchange.row_writer import other_names, whole_file, write_row_file
    from foreword.data.findings import FindingCollector
    from foreword.data.fixes.file_fix import FixPlan, fixed_rows
    from foreword.plugin.manager import PluginManager

    _check_codes(codes)
    if out is not None:
        check_output("--out", out, file)
    elif not dry_run:
        raise click.UsageError("Name the file to write with --out, or show the changes with --dry-run.")
    if changes is not None and any(path is not None and changes.resolve() == path.resolve() for path in (file, out)):
        raise click.BadParameter("must be another file than FILE and --out", param_hint="--changes")
    if changes is not None:
        check_place("--changes", changes, file)
    settings = DataSettings.read()
    tasks = PluginManager.load(settings.plugins, settings.base_model_aliases).tasks.items
    if task and task not in tasks:
        installed = ", ".join(sorted(tasks))
        raise click.BadParameter(f"{task!r} is not installed (installed: {installed})", param_hint="--task")
    plan = FixPlan(codes=codes or tuple(CERTAIN), task=task, tasks=tasks, options=options)
    reading = FindingCollector()
    chunks = file_chunks(file, input_column=input_column, output_column=output_column)
    rows = readable_rows(chunks, reading, input_column=input_column, output_column=output_column)
    console = out_console()
    with (
        closing(ChangeLog()) as log,
        tempfile.TemporaryDirectory() as folder,
        fixed_rows(rows, plan, log) as spool,
    ):
        target = Path(folder, "fixed.jsonl") if out is None or dry_run else out
        findings, _ = reading.result()
        if not spool.row_count:
            print_findings(console, findings)
            raise click.ClickException(f"No row of {file} is left, so nothing was written.")
        others = other_names(spool.rows())
        written = write_row_file(target, spool.rows(), others, escape_formulas=escape_formulas)
        # The check comes last, because it refuses a file that is too large.
        if changes is not None:
            with whole_file(changes) as listed:
                listed.writelines(log.lines())
        _print_changes(log)
        _print_reading(findings)
        with checked_file(file_chunks(target), task=task, options=options, keep_others=True) as found:
            report = found.report
        _print_rest(report)
        if target is out:
            warn_of_formulas(out, written.formula_count)
            console.print(f"Wrote {counted(written.row_count, 'row')} to {out}.")
    if report.errors or any(item.severity is Severity.ERROR for item in findings):
        raise click.exceptions.Exit(1)


def _check_codes(codes: tuple[str, ...]) -> None:
    unknown = [code for code in codes if code not in _EXPLAINED]
    if unknown:
        raise click.BadParameter(
            f"{unknown[0]!r} cannot be corrected; choose from {', '.join(_EXPLAINED)}", param_hint="--only"
        )


def _print_changes(log: ChangeLog) -> None:
    from foreword.cli.render import out_console, print_table

    console = out_console()
    total = log.counts.total()
    if not total:
        console.print("Nothing to correct.")
        return
    print_table(
        console,
        ["row", "column", "before", "after", "code"],
        (_cells(change) for change in islice(log.changes(), _MOST_SHOWN)),
        right=["row"],
    )
    if total > _MOST_SHOWN:
        console.print(f"and {total - _MOST_SHOWN:,} more; --changes FILE lists all")
    console.print(f"\n{counted(total, 'change')}")
    for code, count in log.counts.most_common():
        console.print(f"{count:>8,}  {code}: {_EXPLAINED[code]}")


def _cells(change: Change) -> tuple[str, str, str, str, str]:
    after = f"(removed: {change.remark})" if change.after is None else shown(change.after)
    return str(change.row), change.column or "", shown(change.before), after, change.code


def _print_reading(findings: tuple[Finding, ...]) -> None:
    """Print what is wrong with rows that could not be read, and what was read with a remark."""
    from foreword.cli.render import out_console, print_findings

    errors = [item for item in findings if item.severity is Severity.ERROR]
    remarks = [item for item in findings if item.severity is not Severity.ERROR]
    console = out_console()
    if remarks:
        console.print("\nNormalised while reading; the written file does not have it:")
        print_findings(console, remarks)
    if errors:
        console.print("\nCould not be read and is not in the written file:")
        print_findings(console, errors)


def _print_rest(report: DataReport) -> None:
    """Print what a person has to correct in the file that was written."""
    from foreword.cli.render import out_console, print_findings

    rest = (*report.errors, *report.warnings)
    if rest:
        console = out_console()
        console.print("\nLeft for you to correct, with the rows of the written file:")
        print_findings(console, rest)
