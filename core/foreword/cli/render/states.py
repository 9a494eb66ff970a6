"""States of runs."""

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
    """A state in its colour, with the phase of a run that goes on."""
    return Text(f"{state.value}, {phase}" if phase else state.value, style=_STYLES[state])
