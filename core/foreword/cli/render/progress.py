"""Progress of a run: phase, share done, losses, held-out metric and remaining time."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from foreword.cli.render.listing import Cell, duration
from foreword.cli.render.progress_view import ProgressView
from foreword.cli.render.states import job_phase, job_state, waiting_since
from foreword.client import JobState, TuneExperiment

_UNDER_WAY = (JobState.RUNNING, JobState.CANCELLING)


class TuneProgressView(ProgressView):
    """A view of a running experiment. Pass every change from `Client.watch_tune_experiment` to `update`."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._validation_metric: float | None = None
        self._validation_loss: float | None = None

    def update(self, experiment: TuneExperiment) -> None:
        """Show the current progress of the run."""
        for snapshot in experiment.snapshots:
            if snapshot.validation_metric is not None:
                self._validation_metric = snapshot.validation_metric
            if snapshot.validation_loss is not None:
                self._validation_loss = snapshot.validation_loss
        progress = experiment.progress
        self.show(
            job_phase(experiment),
            progress.percent,
            self._figures(experiment),
            progress.remaining_seconds,
            waiting_since(experiment),
        )

    def _figures(self, experiment: TuneExperiment) -> str:
        figures = _figures(experiment)
        if self._validation_loss is not None:
            figures.append(f"held-out loss {self._validation_loss:.3f}")
        if self._validation_metric is not None:
            figures.append(f"held-out score {self._validation_metric:.3f}")
        return "  ".join(figures)


def progress_text(experiment: TuneExperiment) -> str:
    """Return the progress of a running run, such as `43 %, epoch 3.2/10, 2 min left`; empty for others."""
    if experiment.state not in _UNDER_WAY:
        return ""
    progress = experiment.progress
    left = time_left(experiment)
    parts = [
        f"{progress.percent:.0f} %",
        *_figures(experiment),
        f"{left} left" if left else "",
    ]
    return ", ".join(part for part in parts if part)


def progress_columns() -> dict[str, Callable[[TuneExperiment], Cell]]:
    """Return the progress columns of a list of runs; most cells are empty for runs that are not running."""

    def epoch(run: TuneExperiment) -> Cell:
        progress = run.progress
        return (
            f"{progress.epoch:.1f}/{progress.total_epochs}" if run.state in _UNDER_WAY and progress.total_epochs else ""
        )

    def loss(run: TuneExperiment) -> Cell:
        return f"{run.progress.loss:.3f}" if run.state in _UNDER_WAY and run.progress.loss is not None else ""

    return {
        "state": job_state,
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
