"""Rendering of sweeps: the plan, the progress, and the trials side by side."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from foreword.cli.render.console import plain
from foreword.cli.render.experiment import short_name
from foreword.cli.render.listing import Cell, estimated, format_value, make_table, print_facts
from foreword.cli.render.report import print_findings
from foreword.cli.render.states import state_text
from foreword.cli.render.tags import tags_text
from foreword.cli.run_options import serving_name
from foreword.client import JobState, SweepState, TuneSweep, TuneTrial
from foreword.client.sweep_failure import listed_trials, why_failed

_RIGHT = ("trial", "loss", "epoch")


def sweep_state(sweep: TuneSweep) -> Text:
    """Return the state of a sweep in its colour."""
    return state_text(JobState(sweep.state.value))


def sweep_json(sweep: TuneSweep) -> dict[str, Any]:
    """Return a sweep for JSON output, in which trials that halving has stopped are `stopped early`, not cancelled."""
    trials = [
        {**plain(trial), "state": "stopped early"} if trial.was_stopped else plain(trial) for trial in sweep.trials
    ]
    return {**plain(sweep), "trials": trials}


def print_sweep_plan(console: Console, sweep: TuneSweep, *, with_trials: bool) -> None:
    """Print the number of trials, where weak ones are stopped, time, cost and warnings.

    Args:
        with_trials: Whether to print the values of each trial.
    """
    plan = sweep.plan
    estimate = ""
    if plan.estimated_seconds:
        hours = plan.estimated_capacity_unit_hours
        estimate = f"{estimated(plan.estimated_seconds)}, {hours:.3g} capacity-unit-hours"
    rungs = [f"{_best(rung.keep)} on after epoch {rung.epoch}" for rung in plan.rungs]
    print_facts(
        console,
        [
            ("trials", str(plan.trial_count)),
            ("held out", f"{plan.validation_row_count:,} rows, the same for all trials"),
            ("halving", ", ".join(rungs) or _without_rungs(sweep)),
            ("updates", f"{plan.planned_updates:,}"),
            ("estimate", estimate),
        ],
    )
    console.print()
    if with_trials:
        columns = ["trial", *_names(sweep), "seed"]
        rows = [[str(trial.number), *_values(sweep, trial), str(trial.seed)] for trial in sweep.trials]
        console.print(make_table(columns, rows, right=_RIGHT))
        console.print()
    if plan.warnings:
        console.print("About single trials:")
    print_findings(console, plan.warnings)


def print_sweep(console: Console, sweep: TuneSweep, *, dataset: str) -> None:
    """Print the outcome of a sweep, or how far it is, and its trials: the best first once it has ended.

    Args:
        dataset: The file, or the display name of the dataset.
    """
    best = sweep.best
    described = "" if best is None else f"{best.number}: {_described(sweep, best)}".rstrip(": ")
    has_result, has_failed = sweep.state is SweepState.SUCCEEDED, sweep.state is SweepState.FAILED
    reasons: dict[str, list[int]] = {}
    for trial in sweep.trials:
        if trial.failure is not None and trial.state is JobState.FAILED:
            reasons.setdefault(trial.failure.message, []).append(trial.number)
    print_facts(
        console,
        [
            ("sweep", short_name(sweep.name)),
            ("name", sweep.display_name),
            ("tags", tags_text(sweep.tags)),
            ("state", sweep_state(sweep)),
            ("dataset", dataset),
            ("halving", _without_rungs(sweep) if not sweep.plan.rungs else ""),
            ("best trial" if has_result else "best so far", described if has_result or not sweep.state.ended else ""),
            ("experiment", short_name(sweep.best_trial) if has_result else ""),
            ("tuned model", short_name(sweep.tuned_model)),
            ("cost", f"{sweep.capacity_unit_hours:.3g} capacity-unit-hours"),
            *((listed_trials(numbers).lower(), message) for message, numbers in reasons.items() if not has_failed),
        ],
    )
    console.print()
    console.print(trial_table(sweep))
    if has_failed:
        console.print(f"No model: {why_failed(sweep.trials)} --no-halving tunes all trials to the end.")
    if has_result:
        console.print(
            f"Next: foreword deploy {short_name(sweep.tuned_model)} --name {serving_name(sweep.display_name)}"
        )


def trial_table(sweep: TuneSweep) -> Table:
    """Return the trials of a sweep as a table, the best marked; the best comes first once the sweep has ended."""
    trials: Sequence[TuneTrial] = sweep.trials
    has_best = bool(sweep.tuned_model) or not sweep.state.ended  # none if every trial failed
    best = sweep.best_trial if has_best else None
    if sweep.state.ended:
        trials = sorted(trials, key=lambda trial: (trial.tune_experiment != best, *_rank(trial)))
    metric = _metric(sweep)
    columns = ["", "trial", *_names(sweep), "seed", "state", "epoch", metric, "loss"]
    rows: list[list[Cell]] = [
        [
            "*" if trial.tune_experiment == best else "",
            str(trial.number),
            *_values(sweep, trial),
            str(trial.seed),
            Text("stopped early", style="dim") if trial.was_stopped else state_text(trial.state),
            f"{trial.epoch:.1f}/{trial.total_epochs}" if trial.total_epochs else "",
            "" if trial.validation_metric is None else f"{trial.validation_metric:.3f}",
            "" if trial.validation_loss is None else f"{trial.validation_loss:.3f}",
        ]
        for trial in trials
    ]
    return make_table(columns, rows, right=(*_RIGHT, metric))


class SweepProgressView:
    """A view of a running sweep: a live table on a terminal, otherwise a line whenever the number of trials changes.

    Use it in a `with` block, and pass every change of the sweep to `update`.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_line = ""
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def update(self, sweep: TuneSweep) -> None:
        """Show the current trials."""
        if self._console.is_terminal:
            self._live.update(trial_table(sweep), refresh=True)
            return
        line = _summary(sweep)
        if line != self._last_line:
            self._last_line = line
            self._console.print(line)


def _summary(sweep: TuneSweep) -> str:
    """Return how many trials there are in each state, and the best: `3 running, 5 stopped early; best: ...`."""
    counts: dict[str, int] = {}
    for trial in sweep.trials:
        state = "stopped early" if trial.was_stopped else trial.state.value
        counts[state] = counts.get(state, 0) + 1
    shown = ", ".join(f"{count} {state}" for state, count in counts.items())
    best = sweep.best
    if best is None or sweep.state is SweepState.QUEUED:
        return shown
    score = f"{_metric(sweep)} {best.validation_metric:.3f}" if best.validation_metric is not None else ""
    loss = f"loss {best.validation_loss:.3f}" if best.validation_loss is not None else ""
    return f"{shown}; best: trial {best.number}, {', '.join(filter(None, (score, loss)))}"


def _metric(sweep: TuneSweep) -> str:
    """Return the heading of the metric by which trials are compared."""
    return sweep.plan.main_metric or "score"


def _without_rungs(sweep: TuneSweep) -> str:
    """Return why no trial of a sweep without rungs is stopped early."""
    return "none: in a single epoch, no trial is stopped early" if sweep.halving else "off: no trial is stopped early"


def _best(keep: int) -> str:
    return "the best goes" if keep == 1 else f"the best {keep} go"


def _rank(trial: TuneTrial) -> tuple[float, float, int]:
    metric, loss = trial.validation_metric, trial.validation_loss
    return (-metric if metric is not None else 0.0, loss if loss is not None else float("inf"), trial.number)


def _names(sweep: TuneSweep) -> list[str]:
    return list(sweep.swept_parameters)


def _values(sweep: TuneSweep, trial: TuneTrial) -> list[str]:
    return [format_value(trial.values.get(name)) for name in _names(sweep)]


def _described(sweep: TuneSweep, trial: TuneTrial) -> str:
    shown = [f"{name} {value}" for name, value in zip(_names(sweep), _values(sweep, trial), strict=True)]
    return ", ".join([*shown, *([f"seed {trial.seed}"] if sweep.num_seeds > 1 else ())])
