"""`foreword data check`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from foreword.cli.column_options import column_options
from foreword.cli.data.checked_file import checked_file
from foreword.cli.data.files import INPUT, INPUT_OR_DASH, STANDARD_INPUT, file_chunks
from foreword.cli.named_options import named_options
from foreword.cli.option_names import in_options
from foreword.cli.picture_option import plot_option
from foreword.cli.session import json_option
from foreword.cli.task_options import task_options
from foreword.domain.experiment import TaskOptions


@click.command()
@click.argument("file", type=INPUT_OR_DASH)
@click.option("--format", type=click.Choice(["jsonl", "json", "csv"]), help="Format of FILE.  [default: detected]")
@task_options
@named_options("Set an option of the task; may be repeated.")
@click.option("--base-model", default="", help="Measure lengths in tokens of this base model.  [default: characters]")
@click.option("--max-input-tokens", type=int, help="Maximum input length, with --base-model.  [default: its context]")
@column_options
@click.option("--refuse-long-inputs", is_flag=True, help="Treat longer inputs as faults.  [default: as warnings]")
@click.option("--unlabelled", is_flag=True, help="The rows have no outputs and are for `foreword batch`.")
@click.option(
    "--against",
    type=INPUT,
    help="Also report the rows that repeat, or nearly repeat, an input of this file, such as the held-out rows. "
    "Uploads are not compared with other files, so compare them here first.",
)
@click.option(
    "--near-duplicates/--no-near-duplicates",
    default=None,
    help="Look for nearly equal inputs.  [default: in files of up to 100,000 rows and 20 MB of inputs]",
)
@plot_option("Draw labels, labels that occur together, and lengths, such as rows.png or rows.svg.")
@json_option
@in_options
def check(
    file: Path,
    format: str | None,
    task: str,
    options: TaskOptions,
    named: tuple[str, ...],
    base_model: str,
    max_input_tokens: int | None,
    input_column: str,
    output_column: str,
    refuse_long_inputs: bool,
    unlabelled: bool,
    against: Path | None,
    near_duplicates: bool | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Check FILE (- for standard input) as an upload does.

    FILE is JSONL, JSON, CSV, Parquet, an export of Label Studio, or the folder of a Hugging Face dataset.

    Needs no service and stores nothing. Exits with status 1 if rows are faulty.
    """
    from foreword.cli.render import out_console, print_json, print_report

    if refuse_long_inputs and not base_model:
        raise click.UsageError("--refuse-long-inputs needs --base-model, whose tokenizer measures lengths.")
    with ExitStack() as files:
        others = None
        if against is not None:
            others = files.enter_context(
                checked_file(
                    file_chunks(against, input_column=input_column, output_column=output_column),
                    options=TaskOptions(),
                    unlabelled=unlabelled,
                    input_column=input_column,
                    output_column=output_column,
                    near_duplicates=False,
                )
            )
            others.check_comparable(against)
        found = files.enter_context(
            checked_file(
                file_chunks(file, input_column=input_column, output_column=output_column),
                task=task,
                options=options,
                format=format,
                named=named,
                base_model=base_model,
                max_input_tokens=max_input_tokens,
                unlabelled=unlabelled,
                input_column=input_column,
                output_column=output_column,
                near_duplicates=near_duplicates,
                refuse_long_inputs=refuse_long_inputs,
                against=others.rows if others else (),
            )
        )
        report = found.report
    if plot is not None and report.usable_row_count:
        from foreword.client.dataset_picture import draw_dataset

        draw_dataset(report, plot, title="" if file == STANDARD_INPUT else file.name)
    if as_json:
        print_json(report)
    else:
        print_report(out_console(), report)
    if report.errors:
        raise click.exceptions.Exit(1)
