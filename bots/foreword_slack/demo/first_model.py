"""The first model of the demo, tuned on complaints that people labeled by hand."""

from __future__ import annotations

from rich.console import Console

from foreword.client import Client, TuneParameters
from foreword.errors import FailedPreconditionError
from foreword_slack.demo.chapters import FIRST_CHAPTER, begin
from foreword_slack.demo.complaints import KNOWN, NEW, first_rows, held_out_rows
from foreword_slack.demo.office import SERVING_NAME

_LINE_EVERY_PERCENT = 25.0


def tune_first_model(client: Client, console: Console, *, num_epochs: int | None) -> str:
    """Tune and deploy the first model.

    Returns:
        The dataset on which both models will be evaluated.

    Raises:
        FailedPreconditionError: The run failed.
    """
    rows = first_rows()
    begin(console, 1, FIRST_CHAPTER)
    console.print(
        f"It learns {', '.join(KNOWN[:-1])} and {KNOWN[-1]} from {len(rows)} complaints that were labeled by hand. "
        f"It does not know {NEW}."
    )
    dataset = client.upload_dataset(rows, display_name="Labeled by hand", task="classification")
    held_out = client.upload_dataset(held_out_rows(), display_name="Held out", task="classification")
    experiment = client.create_tune_experiment(
        dataset,
        display_name="First model",
        task="classification",
        evaluate_base=False,
        parameters=TuneParameters(num_epochs=num_epochs),
    )
    next_line = 0.0
    for seen in client.watch_tune_experiment(experiment):
        if seen.progress.percent >= next_line and seen.progress.loss is not None:
            console.print(f"  {seen.progress.percent:3.0f} %  loss {seen.progress.loss:.2f}")
            next_line += _LINE_EVERY_PERCENT
    done = client.get_tune_experiment(experiment.name)
    if not done.tuned_model:
        reason = done.failure.message if done.failure else f"The run is {done.state.value}."
        raise FailedPreconditionError(f"The first model could not be tuned. {reason}")
    deployment = client.create_deployment(
        done.tuned_model, serving_name=SERVING_NAME, description="Routes complaints in Slack."
    )
    console.print(f"Model {done.tuned_model.rsplit('/', 1)[-1]} is deployed as {deployment.serving_name}.")
    return held_out.name
