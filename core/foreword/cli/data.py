"""`foreword data`: local checks of training data with the installed plugins."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import click

from foreword.cli.named_options import Holder, chosen, named_options, read_named_options
from foreword.cli.option_names import in_options
from foreword.cli.session import json_option
from foreword.cli.settings import read_settings
from foreword.cli.task_options import task_options
from foreword.domain.experiment import TaskOptions
from foreword.samples import SAMPLES

_CHUNK_BYTES = 256 * 1024


@click.group()
def data() -> None:
    """Check training data, or print sample data."""


@data.command()
@click.argument("file", type=click.File("rb"))
@click.option("--format", type=click.Choice(["jsonl", "json", "csv"]), help="Format of FILE.  [default: detected]")
@task_options
@named_options("Set an option of the task; may be repeated.")
@click.option("--base-model", default="", help="Measure lengths in tokens of this base model.  [default: characters]")
@click.option("--max-input-tokens", type=int, help="Maximum input length, with --base-model.  [default: its context]")
@click.option("--unlabelled", is_flag=True, help="The rows have no outputs and are for `foreword batch`.")
@json_option
@in_options
def check(
    file: BinaryIO,
    format: str | None,
    task: str,
    options: TaskOptions,
    named: tuple[str, ...],
    base_model: str,
    max_input_tokens: int | None,
    unlabelled: bool,
    as_json: bool,
) -> None:
    """Check FILE (- for standard input) as an upload does.

    Needs no service and stores nothing. Exits with status 1 if rows are faulty.
    """
    from foreword.cli.render import out_console, print_json, print_report
    from foreword.data.start import start_checker
    from foreword.plugin.manager import PluginManager
    from foreword.server.plans.token_counts import TokenCounters

    settings = read_settings()
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
    )
    with closing(checker):
        while chunk := file.read(_CHUNK_BYTES):
            checker.feed(chunk)
        report = checker.finish().report
    if as_json:
        print_json(report)
    else:
        print_report(out_console(), report)
    if report.errors:
        raise click.exceptions.Exit(1)


@data.command()
@click.argument("name", default="complaints", type=click.Choice(SAMPLES))
def sample(name: str) -> None:
    """Print sample data.

    complaints is a training file for classification: complaints and their departments. complaints_v2 is badly
    distributed and shows the warnings of `foreword data check`. complaints_unseen has held-out rows for trying a tuned
    model. replies is for generation and summaries for summarization.
    """
    from foreword.samples import sample_path

    sys.stdout.write(Path(sample_path(name)).read_text(encoding="utf-8"))
