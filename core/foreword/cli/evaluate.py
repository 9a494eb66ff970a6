"""`foreword evaluate`: models measured and compared on labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.column_options import column_options
from foreword.cli.evaluated_systems import Asking, choose_systems, naming_systems
from foreword.cli.picture_option import plot_option
from foreword.cli.session import json_option, with_client
from foreword.cli.task_options import task_options
from foreword.cli.uploads import evaluated_rows
from foreword.domain.counted import counted
from foreword.domain.experiment import TaskOptions
from foreword.domain.job import JobState
from foreword.errors import UnavailableError

if TYPE_CHECKING:
    from foreword.client import Client, Evaluation


@click.command(short_help="Measure and compare models on labelled rows.")
@click.argument("file_or_dataset")
@click.option(
    "--system",
    "models",
    metavar="MODEL",
    multiple=True,
    required=True,
    help="Serving name, tuned model or baseModels/NAME to evaluate; may be repeated. The first is the one that the "
    "others are compared with.",
)
@click.option(
    "--base", is_flag=True, help="Add the base model of the first system, without and with examples in the request."
)
@click.option(
    "--shots",
    type=click.IntRange(min=1),
    help="Number of examples in each request to a base model.  [default: 3 with --base, otherwise none]",
)
@click.option("--instruction", default="", help="Instruction before each input for base models.")
@click.option("--constrained", is_flag=True, help="Restrict base models named with --system to the labels.")
@click.option(
    "--examples",
    metavar="FILE_OR_DATASET",
    help="Rows from which examples are taken.  [default: the dataset of the first tuned model]",
)
@click.option("--name", "display_name", default="", help="Display name.  [default: the name of the file]")
@column_options
@task_options
@click.option("--wait/--no-wait", default=True, help="Wait for the results.  [default: wait]")
@plot_option("Write a picture of the results to this image file.")
@json_option
@with_client
def evaluate(
    *,
    client: Client,
    file_or_dataset: str,
    models: tuple[str, ...],
    base: bool,
    shots: int | None,
    instruction: str,
    constrained: bool,
    examples: str | None,
    display_name: str,
    input_column: str,
    output_column: str,
    task: str,
    options: TaskOptions,
    wait: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure models on the labelled rows of FILE_OR_DATASET, and compare them with the first.

    All models answer the same rows. Every value comes with the interval in which it lies, with a probability of 95 %,
    for all texts like these rows. Do not evaluate on the rows that a model was tuned on.
    """
    from foreword.cli.render import err_console, out_console, print_findings, print_json, short_name
    from foreword.cli.render.evaluations import print_evaluation, print_systems

    if plot is not None and not wait:
        raise click.UsageError(
            "--plot draws the results, for which --no-wait does not wait. Leave one of them out, or draw them later "
            "with: foreword evaluations show EVALUATION --plot FILE"
        )
    console = err_console() if as_json else out_console()
    asking = Asking(base=base, shots=shots, instruction=instruction, constrained=constrained)
    checked: dict[str, Any] = {"task": task, "task_options": options}
    columns = {"input_column": input_column, "output_column": output_column}
    file = Path(file_or_dataset)
    if file.is_file():  # what is wrong with the models shows before the upload
        with naming_systems(models):
            name = display_name or file.stem
            client.create_evaluation(None, models, display_name=name, validate_only=True, **checked)
    with (
        evaluated_rows(client, file_or_dataset, examples, display_name=display_name, **columns, **checked) as (
            data,
            example_rows,
        ),
        naming_systems(models),
    ):
        request: dict[str, Any] = {"display_name": display_name or data.display_name, **checked}
        planned = client.create_evaluation(data, models, validate_only=True, **request)
        systems = choose_systems(client, models, planned, asking)
        made = client.create_evaluation(data, systems, examples_dataset=example_rows, **request)
    console.print(f"{made.display_name}: {counted(len(made.systems), 'system')} on {short_name(data.name)}")
    print_systems(console, made)
    print_findings(err_console(), made.warnings)
    if not wait:
        console.print(f"Queued. Watch it with: foreword evaluations watch {short_name(made.name)}")
        if as_json:
            print_json(made)
        return
    ended = follow(client, made)
    print_evaluation(console, ended)
    if plot is not None and ended.results:
        client.plot_evaluation(ended, plot)
        console.print(f"Wrote the picture to {plot}.")
    if as_json:
        print_json(ended)
    if ended.state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(1)


def follow(client: Client, made: Evaluation) -> Evaluation:
    """Show an evaluation until it has ended, and return it.

    After Ctrl-C or an outage it continues; standard error says how.
    """
    from foreword.cli.render import err_console, short_name
    from foreword.cli.render.evaluations import EvaluationProgressView

    try:
        with EvaluationProgressView(err_console()) as view:
            for current in client.watch_evaluation(made):
                view.update(current)
    except (KeyboardInterrupt, UnavailableError):
        id = short_name(made.name)
        click.echo(
            f"The evaluation continues. Watch it with: foreword evaluations watch {id}\n"
            f"Stop it with: foreword evaluations cancel {id}",
            err=True,
        )
        raise
    return client.get_evaluation(made)
