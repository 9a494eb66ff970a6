"""How far a run is, and how it ended."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from foreword.cli.render.evaluation import print_evaluations
from foreword.cli.render.listing import duration, print_facts
from foreword.cli.render.progress import progress_text
from foreword.client import ExperimentState, TuneExperiment

_STYLES = {
    ExperimentState.SUCCEEDED: "green",
    ExperimentState.FAILED: "bold red",
    ExperimentState.CANCELLED: "yellow",
    ExperimentState.CANCELLING: "yellow",
    ExperimentState.RUNNING: "blue",
    ExperimentState.QUEUED: "dim",
}


def state_text(state: ExperimentState) -> Text:
    """A state in its colour."""
    return Text(state.value, style=_STYLES[state])


def short_name(name: str) -> str:
    """The last part of a resource name, which commands take as well."""
    return name.rsplit("/", 1)[-1]


def print_experiment_result(console: Console, experiment: TuneExperiment) -> None:
    """Prints how far a run is or how it ended: the reading of its curve, tuned against base, and what it cost."""
    took = ""
    if experiment.start_time and experiment.end_time:
        took = duration((experiment.end_time - experiment.start_time).total_seconds())
    failure = experiment.failure
    print_facts(
        console,
        [
            ("experiment", short_name(experiment.name)),
            ("name", experiment.display_name),
            ("state", state_text(experiment.state)),
            ("progress", "" if experiment.state.ended else progress_text(experiment)),
            ("why", f"{failure.message} ({failure.reason})" if failure else ""),
            ("tuned model", short_name(experiment.tuned_model)),
            ("took", took),
            ("learning curve", experiment.curve_advice),
        ],
    )
    console.print()
    print_evaluations(console, experiment.evaluations)
