"""`foreword batches`: management of batch jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.csv_output import escape_formulas_option
from foreword.cli.session import json_option, limit_option, selection_options, with_client
from foreword.domain.counted import counted
from foreword.domain.job import JobState

if TYPE_CHECKING:
    from foreword.client import Client


@click.group()
def batches() -> None:
    """Manage batch jobs.

    BATCH_JOB is the id or the display name of a batch job.
    """


@batches.command("list")
@selection_options("state = RUNNING")
@limit_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, limit: int, as_json: bool) -> None:
    """List batch jobs, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.states import job_state

    print_listing(
        client.list_batch_jobs(filter=filter, order_by=order_by, limit=limit),
        {
            "batch job": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "state": job_state,
            "answered": lambda item: f"{item.progress.answered_count:,} of {item.progress.total_count:,}",
            "failed": lambda item: f"{item.progress.failed_count:,}",
            "model": lambda item: short_name(item.version),
            "created": lambda item: age(item.create_time),
        },
        right=["answered", "failed"],
        as_json=as_json,
    )


@batches.command()
@click.argument("batch_job")
@json_option
@with_client
def show(client: Client, batch_job: str, as_json: bool) -> None:
    """Show a batch job: its model, how far it is and what it has cost."""
    from foreword.cli.render import out_console, print_json
    from foreword.cli.render.batches import print_batch_job

    found = client.get_batch_job(batch_job)
    if as_json:
        print_json(found)
    else:
        print_batch_job(out_console(), found)


@batches.command()
@click.argument("batch_job")
@with_client
def watch(client: Client, batch_job: str) -> None:
    """Follow a batch job until it has ended.

    Exits with status 1 if it did not succeed.
    """
    from foreword.cli.batch import follow
    from foreword.cli.render import out_console
    from foreword.cli.render.batches import print_batch_job

    ended = follow(client, client.get_batch_job(batch_job))
    print_batch_job(out_console(), ended)
    if ended.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@batches.command()
@click.argument("batch_job")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of answers, as CSV if its extension is .csv, otherwise as JSONL.  [default: JSONL to standard output]",
)
@click.option("--failed", "selection", flag_value="failed", help="Only rows that have an error.")
@click.option("--abstained", "selection", flag_value="abstained", help="Only rows that abstained.")
@escape_formulas_option
@with_client
def download(client: Client, batch_job: str, output: Path | None, selection: str | None, escape_formulas: bool) -> None:
    """Write the answers that a batch job has so far.

    It may still run, and may have ended in any way. With --output, the file appears when it is whole; after an
    interruption, the same command goes on where it was.
    """
    from foreword.cli import answer_download

    found = client.get_batch_job(batch_job)
    if output is None:
        for line in answer_download.answer_lines(client.list_batch_answers(found, selection=selection or "all")):
            click.echo(line, nl=False)
        return
    if selection:
        raise click.UsageError(f"--output writes all answers; leave --{selection} out, or redirect standard output.")
    count = answer_download.download(client, found, output, escape_formulas=escape_formulas)
    more = found.progress.total_count - count
    click.echo(f"Wrote {counted(count, 'answer')} to {output}.", err=True)
    if more > 0:
        click.echo(f"{counted(more, 'row')} without an answer so far; the job is {found.state.value}.", err=True)


@batches.command()
@click.argument("batch_job")
@with_client
def cancel(client: Client, batch_job: str) -> None:
    """Cancel a batch job. Its answers so far are kept."""
    cancelled = client.cancel_batch_job(batch_job)
    click.echo(f"{cancelled.display_name} is {cancelled.state.value}.")


@batches.command()
@click.argument("batch_job")
@click.option("--from-beginning", is_flag=True, help="Answer all rows, even if there are answers to take over.")
@click.option("--wait/--no-wait", default=True, help="Wait for the answers.  [default: wait]")
@json_option
@with_client
def retry(client: Client, batch_job: str, from_beginning: bool, wait: bool, as_json: bool) -> None:
    """Repeat a batch job that has failed or was cancelled.

    The new one has the same rows and options. It takes over the answers of the first one and answers the other rows.
    The first one stays as it is. Exits with status 1 if the new one does not succeed.
    """
    from foreword.cli.batch import follow
    from foreword.cli.render import err_console, out_console, print_json, short_name
    from foreword.cli.render.batches import beginning_text, print_batch_job

    console = err_console() if as_json else out_console()
    made = client.retry_batch_job(batch_job, from_beginning=from_beginning)
    id = short_name(made.name)
    console.print(f"{made.display_name} {beginning_text(made)}.")
    if wait:
        made = follow(client, made)
        print_batch_job(console, made)
        if made.state is JobState.SUCCEEDED:
            console.print(f"Write the answers with: foreword batches download {id} --output FILE")
    else:
        console.print(f"Queued. Watch it with: foreword batches watch {id}")
    if as_json:
        print_json(made)
    if wait and made.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


@batches.command()
@click.argument("batch_job")
@with_client
def delete(client: Client, batch_job: str) -> None:
    """Delete a batch job that has ended, with its answers. Its dataset is kept."""
    client.delete_batch_job(batch_job)
    click.echo(f"Deleted {batch_job}.")
