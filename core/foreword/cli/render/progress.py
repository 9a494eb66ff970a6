"""Progress of a run: phase, share done, losses, held-out metric and remaining time."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from foreword.cli.render.listing import Cell, duration
from foreword.cli.render.states import state_text
from foreword.client import JobState, TuneExperiment

_LINE_EVERY_PERCENT = 10.0
_UNDER_WAY = (JobState.RUNNING, JobState.CANCELLING)


class TuneProgressView:
    """A view of a running experiment: a live bar on a terminal, otherwise a line for every tenth.

    Use it in a `with` block, and pass every change from `Client.watch_tune_experiment` to `update`.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._validation_metric: float | None = None
        self._validation_loss: float | None = None
        self._last_line: tuple[str, int] = ("", -1)
        self._bar = Progress(
            TextColumn("{task.description:<11}"),
            BarColumn(bar_width=28),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[remaining]}", style="dim"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("queued", total=100.0, figures="", remaining="")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def update(self, experiment: TuneExperiment) -> None:
        """Show the current progress of the run."""
        for snapshot in experiment.snapshots:
            if snapshot.validation_metric is not None:
                self._validation_metric = snapshot.validation_metric
            if snapshot.validation_loss is not None:
                self._validation_loss = snapshot.validation_loss
        phase = experiment.progress.phase if experiment.state is JobState.RUNNING else experiment.state.value
        if self._console.is_terminal:
            left = experiment.progress.remaining_seconds
            self._bar.update(
                self._task,
                description=phase,
                completed=experiment.progress.percent,
                figures=self._figures(experiment),
                remaining="" if left is None else f"{duration(left)} left",
            )
        else:
            self._line(phase, experiment)

    def _line(self, phase: str, experiment: TuneExperiment) -> None:
        """Print a line for a new phase or another tenth, so that logs do not get hundreds of lines."""
        key = (phase, int(experiment.progress.percent // _LINE_EVERY_PERCENT))
        if key != self._last_line:
            self._last_line = key
            self._console.print(f"{phase:<11} {experiment.progress.percent:3.0f} %  {self._figures(experiment)}")

    def _figures(self, experiment: TuneExperiment) -> str:
        figures = _figures(experiment)
        if self._validation_loss is not None:
            figures.append(f"held-out loss {self._validation_loss:.3f}")
        if self._validation_metric is not None:
            figures.append(f"held-out score {self._validation_metric:.3f}")
        return "  ".join(figures)


def progress_text(experiment: TuneExperiment) -> str:
    """Return the progress of a running run, such as `tuning 43 %, epoch 3.2/10, 2 min left`; empty for others."""
    if experiment.state not in _UNDER_WAY:
        return ""
    progress = experiment.progress
    left = time_left(experiment)
    parts = [
        f"{progress.phase} {progress.percent:.0f} %".lstrip(),
        *_figures(experiment),
        f"{left} left" if left else "",
    ]
    return ", ".join(part for part in parts if part)


def progress_columns() -> dict[str, Callable[[TuneExperiment], Cell]]:
    """Return the progress columns of a list of runs; most cells are empty for runs that are not running."""

    def state(run: TuneExperiment) -> Cell:
        return state_text(run.state, run.progress.phase if run.state in _UNDER_WAY else "")

    def epoch(run: TuneExperiment) -> Cell:
        progress = run.progress
        return (
            f"{progress.epoch:.1f}/{progress.total_epochs}" if run.state in _UNDER_WAY and progress.total_epochs else ""
        )

    def loss(run: TuneExperiment) -> Cell:
        return f"{run.progress.loss:.3f}" if run.state in _UNDER_WAY and run.progress.loss is not None else ""

    return {
        "state": state,
        "done": lambda run: f"{run.progress.percent:.0f} %",
        "epoch": epoch,
        "loss": loss,
        "left": time_left,
    }


def time_left(experiment: TuneExperiment) -> str:
    """Return the remaining time of a running run; empty if it is unknown, and for others."""
    seconds = experiment.progress.remaining_seconds
    return "" if seconds is None or experiment.state not in _UNDER_WAY else duration(seconds)


def _figures(experiment: TuneExperiment) -> list[str]:
    """Return epoch and training loss as far as they are known."""
    progress = experiment.progress
    figures = [f"epoch {progress.epoch:.1f}/{progress.total_epochs}"] if progress.total_epochs else []
    return figures if progress.loss is None else [*figures, f"loss {progress.loss:.3f}"]
