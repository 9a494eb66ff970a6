"""How far a run is, and how it ended."""

from __future__ import annotations

from rich.console import Console

from foreword.cli.render.evaluation import print_evaluations
from foreword.cli.render.listing import duration, print_facts
from foreword.cli.render.progress import progress_text
from foreword.cli.render.states import state_text
from foreword.client import TuneExperiment


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
            ("progress", progress_text(experiment)),
            ("why", f"{failure.message} ({failure.reason})" if failure else ""),
            ("tuned model", short_name(experiment.tuned_model)),
            ("took", took),
            ("learning curve", experiment.curve_advice),
        ],
    )
    console.print()
    print_evaluations(console, experiment.evaluations)
