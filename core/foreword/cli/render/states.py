"""Rendering of the states of runs."""

from __future__ import annotations

from rich.text import Text

from foreword.client import JobState

_STYLES = {
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "bold red",
    JobState.CANCELLED: "yellow",
    JobState.CANCELLING: "yellow",
    JobState.RUNNING: "blue",
    JobState.QUEUED: "dim",
}


def state_text(state: JobState, phase: str = "") -> Text:
    """Return a state in its colour, with the phase of a running run."""
    return Text(f"{state.value}, {phase}" if phase else state.value, style=_STYLES[state])
