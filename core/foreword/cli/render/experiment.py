"""Rendering of a run's progress and results."""

from __future__ import annotations

from rich.console import Console

from foreword.cli.render.evaluation import print_evaluations
from foreword.cli.render.listing import duration, print_facts
from foreword.cli.render.progress import progress_text
from foreword.cli.render.states import job_state_in_full
from foreword.cli.render.suspects import print_suspect_rows
from foreword.cli.render.tags import tags_text
from foreword.client import JobState, TuneExperiment


def short_name(name: str) -> str:
    """Return the last part of a resource name, which commands also accept."""
    return name.rsplit("/", 1)[-1]


def beginning_text(retry: TuneExperiment) -> str:
    """Return where a retry begins: `continues 5f2b after 120 of 400 updates`."""
    first = short_name(retry.retry_of)
    if not retry.resumed_step:
        return f"repeats {first} from the beginning"
    return f"continues {first} after {retry.resumed_step:,} of {retry.plan.planned_updates:,} updates"


def print_experiment_result(console: Console, experiment: TuneExperiment, *, most_suspects: int = 5) -> None:
    """Print the progress or the outcome of a run, the advice about its curve and its evaluations.

    Args:
        most_suspects: Number of rows to print that look mislabelled.
    """
    took = ""
    if experiment.start_time and experiment.end_time:
        took = duration((experiment.end_time - experiment.start_time).total_seconds())
        if experiment.wait_seconds >= 1:
            took += f", {duration(experiment.wait_seconds)} of it waiting for runs of other tenants"
    failure = experiment.failure
    print_facts(
        console,
        [
            ("experiment", short_name(experiment.name)),
            ("name", experiment.display_name),
            ("description", experiment.description),
            ("tags", tags_text(experiment.tags)),
            ("retry", beginning_text(experiment) if experiment.retry_of else ""),
            ("state", job_state_in_full(experiment)),
            ("progress", progress_text(experiment)),
            ("failure", f"{failure.message} ({failure.reason})" if failure else ""),
            ("tuned model", short_name(experiment.tuned_model)),
            ("duration", took),
            ("cost", f"{experiment.capacity_unit_hours:.3g} capacity-unit-hours" if experiment.state.ended else ""),
            ("learning curve", experiment.curve_advice),
        ],
    )
    console.print()
    if experiment.state in (JobState.FAILED, JobState.CANCELLED) and not experiment.tune_sweep:
        console.print(f"Retry it with: foreword experiments retry {short_name(experiment.name)}")
    print_evaluations(console, experiment.evaluations)
    print_suspect_rows(console, experiment, most=most_suspects)
