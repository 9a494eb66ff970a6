"""`foreword batch`: a file of rows answered in the background of the service, and a file of answers."""

from __future__ import annotations

import hashlib
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.answer_download import download
from foreword.cli.batch_file import BatchFile
from foreword.cli.column_options import input_column_option
from foreword.cli.csv_output import escape_formulas_option
from foreword.cli.generation_options import generation_options
from foreword.cli.option_names import with_option_names
from foreword.cli.session import json_option, with_client
from foreword.cli.uploads import unlabelled_rows
from foreword.domain.counted import counted
from foreword.domain.job import JobState
from foreword.errors import UnavailableError

if TYPE_CHECKING:
    from foreword.client import BatchJob, Client, LabelOptions
    from foreword.client.keywords import GenerateKeywords


@click.command(short_help="Answer all rows of a file with a model.")
@click.argument("file_or_dataset")
@click.option(
    "--model", required=True, help="Serving name, deployment, tuned model or baseModels/NAME that answers the rows."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of answers, as CSV if its extension is .csv, otherwise as JSONL. With --no-wait, it is written later by "
    "`foreword batches download`.",
)
@click.option("--threshold", type=float, help="Abstain if no label set reaches this probability.")
@click.option(
    "--min-precision",
    type=float,
    help="Abstain where the model is not estimated to be right at least this often, as 0.9.",
)
@click.option("--labels", default="", help="Comma-separated labels, for a model that was not tuned to classify.")
@click.option("--multi-label", is_flag=True, help="With --labels: allow several labels per answer.")
@generation_options
@input_column_option
@click.option("--name", "display_name", default="", help="Display name.  [default: the name of the file]")
@click.option("--wait/--no-wait", default=True, help="Wait for the answers.  [default: wait]")
@escape_formulas_option
@click.option("--dry-run", is_flag=True, help="Show the plan: rows, tokens, time and cost. Answer nothing.")
@json_option
@with_client
def batch(
    *,
    client: Client,
    file_or_dataset: str,
    model: str,
    output: Path | None,
    threshold: float | None,
    min_precision: float | None,
    labels: str,
    multi_label: bool,
    parameters: GenerateKeywords,
    input_column: str,
    display_name: str,
    wait: bool,
    escape_formulas: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Answer every row of FILE_OR_DATASET with a model, in the background of the service.

    FILE is JSONL, JSON or CSV with a column `input`. A model that was tuned to classify chooses labels, any other model
    generates text. A row that cannot be answered has its error in the output.

    The other columns of FILE, such as the number of a ticket, are in the output as well; one with the name of a result
    gets `input_` in front of it. `row` is the number of the row in FILE, where blank lines count.

    The job goes on if this command is interrupted. The same command then waits for the same job again.
    """
    from foreword.cli.render import err_console, out_console, print_json, short_name
    from foreword.cli.render.batches import print_batch_job, print_batch_plan

    if output is None and wait and not dry_run:
        raise click.UsageError("Name the file of answers with --output, or leave the job alone with --no-wait.")
    if output is not None and output.exists() and Path(file_or_dataset).exists() and output.samefile(file_or_dataset):
        raise click.UsageError(f"--output {output} is the file to read; nothing was written. Choose another file.")
    console = err_console() if as_json else out_console()
    classify = _label_options(threshold, min_precision, labels, multi_label, parameters)
    generate = parameters if classify is None and _given(parameters) else None
    request = {
        "model": model,
        "classify": repr(classify),
        "generate": repr(generate),
        "rows": _content(file_or_dataset),
        **({"input_column": input_column} if input_column else {}),
    }
    state = BatchFile(output, request) if output is not None and wait and not dry_run else None
    made = None if state is None else state.find(client)
    if made is None:
        options: dict[str, Any] = {"classify": classify, "generate": generate}
        file = Path(file_or_dataset)
        if file.is_file():  # what is wrong with the model shows before the upload
            name = display_name or file.stem
            client.create_batch_job(None, model, display_name=name, validate_only=True, **options)
        with (
            nullcontext("") if state is None else state.beginning() as request_id,
            unlabelled_rows(
                client, file_or_dataset, display_name=display_name, is_dry_run=dry_run, input_column=input_column
            ) as dataset,
        ):
            options["display_name"] = display_name or dataset.display_name
            made = client.create_batch_job(dataset, model, validate_only=dry_run, request_id=request_id, **options)
        if dry_run:
            print_json(made) if as_json else print_batch_plan(console, made)
            return
        if state is not None:
            state.keep(made)
        console.print(f"{made.display_name}: {counted(made.plan.row_count, 'row')} for {short_name(made.version)}")
        _note_twins(client, made)
    else:
        console.print(f"{made.display_name} was begun earlier; this command continues it.")
    if not wait:
        id = short_name(made.name)
        console.print(f"Queued. Watch it with: foreword batches watch {id}")
        if output is not None:
            console.print(
                f"{output} is not written yet. When the job has ended, write it with: "
                f"foreword batches download {id} --output {shlex.quote(str(output))}",
                soft_wrap=True,
            )
        if as_json:
            print_json(made)
        return
    assert output is not None
    assert state is not None
    ended = follow(client, made)
    if ended.state is JobState.SUCCEEDED:
        count = download(client, ended, output, escape_formulas=escape_formulas)
        console.print(f"Wrote {counted(count, 'answer')} to {output}.")
    state.drop()
    print_batch_job(console, ended)
    if as_json:
        print_json(ended)
    if ended.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


def follow(client: Client, made: BatchJob) -> BatchJob:
    """Show a batch job until it has ended, and return it.

    After Ctrl-C or an outage it continues; standard error says how.
    """
    from foreword.cli.render import err_console, short_name
    from foreword.cli.render.batches import BatchProgressView

    ended = made
    try:
        with BatchProgressView(err_console()) as view:
            for ended in client.watch_batch_job(made):
                view.update(ended)
    except (KeyboardInterrupt, UnavailableError):
        id = short_name(made.name)
        click.echo(
            f"The batch job continues. Wait for it again with the same command, or with: foreword batches watch {id}\n"
            f"Stop it with: foreword batches cancel {id}",
            err=True,
        )
        raise
    return ended


def _note_twins(client: Client, made: BatchJob) -> None:
    """Say which other jobs answer the same rows with the same model, such as one whose command was killed."""
    from foreword.cli.render import short_name

    same_rows = f'dataset = "{short_name(made.dataset)}" AND (state = QUEUED OR state = RUNNING)'
    for other in client.list_batch_jobs(filter=same_rows):
        if other.name != made.name and (other.version, other.method) == (made.version, made.method):
            click.echo(
                f"{other.display_name} answers the same rows with the same model already. To keep only that one: "
                f"foreword batches cancel {short_name(made.name)}",
                err=True,
            )


def _label_options(
    threshold: float | None,
    min_precision: float | None,
    labels: str,
    multi_label: bool,
    parameters: GenerateKeywords,
) -> LabelOptions | None:
    """Return how labels are chosen; None if no option is about labels."""
    from foreword.client import LabelOptions

    names = tuple(label.strip() for label in labels.split(",") if label.strip())
    if threshold is None and min_precision is None and not names:
        if multi_label:
            raise click.UsageError("--multi-label needs --labels.")
        return None
    others = [name for name in _given(parameters) if name != "truncate_input_tokens"]
    if others:
        option = with_option_names(f"`{others[0]}`")
        raise click.UsageError(
            f"{option} is about generated text, but --threshold, --min-precision and --labels are about labels. Leave "
            "one of them out."
        )
    return LabelOptions(
        threshold=threshold or 0.0,
        min_precision=min_precision,
        labels=names,
        multi_label=multi_label,
        truncate_input_tokens=parameters.get("truncate_input_tokens") or 0,
    )


def _given(parameters: GenerateKeywords) -> list[str]:
    """Return the names of the generation parameters that were set."""
    return [name for name, value in parameters.items() if value != ()]


def _content(source: str) -> str:
    """Return what identifies the rows: the hash of a file, or the name of a stored dataset."""
    path = Path(source)
    if not path.is_file():
        return source
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
