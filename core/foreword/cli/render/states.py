"""Rendering of the states of runs."""

from __future__ import annotations

from rich.text import Text

from foreword.client import ExperimentState

_STYLES = {
    ExperimentState.SUCCEEDED: "green",
    ExperimentState.FAILED: "bold red",
    ExperimentState.CANCELLED: "yellow",
    ExperimentState.CANCELLING: "yellow",
    ExperimentState.RUNNING: "blue",
    ExperimentState.QUEUED: "dim",
}


def state_text(state: ExperimentState, phase: str = "") -> Text:
    """Return a state in its colour, with the phase of a running run."""
    return Text(f"{state.value}, {phase}" if phase else state.value, style=_STYLES[state])
