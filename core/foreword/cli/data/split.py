"""`foreword data split`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.column_options import column_options
from foreword.cli.data.checked_file import checked_file
from foreword.cli.data.files import INPUT, check_output, escape_formulas_option, file_chunks, warn_of_formulas
from foreword.cli.option_names import in_options
from foreword.cli.session import json_option
from foreword.cli.task_options import task_options
from foreword.domain.counted import counted
from foreword.domain.experiment import TaskOptions

if TYPE_CHECKING:
    from foreword.data.label_split import FileSplit, LabelSetSplit

_MOST_SHOWN = 40
_LISTED = 8


@click.command()
@click.argument("file", type=INPUT)
@click.option(
    "--held-out",
    "share",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.2,
    show_default=True,
    help="Share of the inputs to hold out.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Seed of the choice.")
@click.option(
    "--out-train",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the rows to train on: .jsonl, .json or .csv.  [default: FILE with .train before its extension]",
)
@click.option(
    "--out-held-out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the held-out rows.  [default: FILE with .held_out before its extension]",
)
@column_options
@escape_formulas_option
@task_options
@json_option
@in_options
def split(
    file: Path,
    share: float,
    seed: int,
    out_train: Path | None,
    out_held_out: Path | None,
    input_column: str,
    output_column: str,
    escape_formulas: bool,
    task: str,
    options: TaskOptions,
    as_json: bool,
) -> None:
    """Divide FILE into rows to train on and held-out rows.

    Each label set is held out in proportion. Rows with the same input, except for case, spaces and Unicode form, are
    never on both sides. The held-out rows are those that `foreword tune FILE` holds out with the same task,
    --validation-split and --seed, so that they suit its --validation and `foreword evaluate`. Other columns of FILE are
    kept.
    """
    from foreword.cli.render import print_json
    from foreword.data.exchange.row_writer import other_names, write_row_file
    from foreword.data.label_split import split_file

    training, held_out = out_train or _beside(file, "train"), out_held_out or _beside(file, "held_out")
    check_output("--out-train", training, file)
    check_output("--out-held-out", held_out, file)
    if training.resolve() == held_out.resolve():
        raise click.BadParameter("must be another file than --out-train", param_hint="--out-held-out")
    with (
        checked_file(
            file_chunks(file, input_column=input_column, output_column=output_column),
            task=task,
            options=options,
            near_duplicates=False,
            keep_others=True,
            input_column=input_column,
            output_column=output_column,
        ) as found,
    ):
        found.check_usable(str(file))
        if found.task is None:
            raise click.UsageError("No task suits the rows. Set --task.")
        if len(found.rows) < 2:
            raise click.ClickException(f"{file} has only one row, which cannot be divided. Add rows.")
        result = split_file(found.rows, found.task, found.options, share=share, seed=seed)
        others = other_names(found.rows)
        for output, is_held_out in ((training, False), (held_out, True)):
            chosen = (row for place, row in enumerate(found.rows) if (place in result.held_out) is is_held_out)
            written = write_row_file(output, chosen, others, escape_formulas=escape_formulas)
            warn_of_formulas(output, written.formula_count)
    if as_json:
        print_json(
            {
                "training_file": str(training),
                "held_out_file": str(held_out),
                "training_row_count": result.row_count - len(result.held_out),
                "held_out_row_count": len(result.held_out),
                "joined_row_count": result.joined_row_count,
                "label_sets": result.label_sets,
            }
        )
    else:
        _print(result, training, held_out)


def _print(result: FileSplit, training: Path, held_out: Path) -> None:
    from foreword.cli.render import out_console, print_table

    console = out_console()
    if result.label_sets:
        shown = result.label_sets[:_MOST_SHOWN]
        rows = [(item.labels, f"{item.training:,}", f"{item.held_out:,}") for item in shown]
        print_table(console, ["labels", "train", "held out"], rows, right=["train", "held out"])
        if len(result.label_sets) > len(shown):
            console.print(f"and {counted(len(result.label_sets) - len(shown), 'rarer label set')}; --json lists all")
        console.print()
    remarks = [
        _remark(
            result.never_held_out,
            "no held-out row, so they are not measured",
            "Add rows for those that matter, or hold out more.",
        ),
        _remark(result.never_trained, "no row to train on, so they are not learnt", "Hold out fewer, or add rows."),
    ]
    if result.joined_row_count:
        remarks.append(
            f"{counted(result.joined_row_count, 'row')} share their input with another row; rows with the same input "
            "are on one side."
        )
    for remark in filter(None, remarks):
        console.print(remark)
    console.print(f"Wrote {counted(result.row_count - len(result.held_out), 'row')} to {training}.")
    console.print(f"Wrote {counted(len(result.held_out), 'row')} to {held_out}.")


def _remark(items: tuple[LabelSetSplit, ...], problem: str, remedy: str) -> str:
    """Return the sentence about label sets that one side lacks; empty if there are none."""
    if not items:
        return ""
    listed = ", ".join(f"'{item.labels}' ({item.training + item.held_out})" for item in items[:_LISTED])
    more = f" and {len(items) - _LISTED:,} more" if len(items) > _LISTED else ""
    return f"{counted(len(items), 'label set')} with {problem}: {listed}{more}. {remedy}"


def _beside(file: Path, part: str) -> Path:
    """Return a path beside a file, in the same format if it can be written, otherwise as JSONL."""
    from foreword.data.exchange.row_writer import WRITTEN

    file = file if file.name else file.resolve()  # the folder . has no name
    extension = file.suffix if file.suffix.lower() in WRITTEN else ".jsonl"
    return file.with_name(f"{file.stem}.{part}{extension}")
