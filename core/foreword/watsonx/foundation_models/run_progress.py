"""Progress of a run as lines of text, for any notebook or log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from foreword.client import TuneExperiment
from foreword.watsonx.foundation_models.run_details import run_state

_DOT_SECONDS = 2.0


class RunProgress:
    """Printer of the progress: one line per state, followed by dots while the run continues."""

    def __init__(self) -> None:
        self._state = ""
        self._last_dot = 0.0

    def show(self, experiment: TuneExperiment) -> None:
        """Print a new state, or a dot if the last one is two seconds old."""
        state = run_state(experiment.state)
        if state != self._state:
            self._end_line()
            print(state, end="", flush=True)
            self._state, self._last_dot = state, time.monotonic()
        elif time.monotonic() - self._last_dot >= _DOT_SECONDS:
            print(".", end="", flush=True)
            self._last_dot = time.monotonic()

    def _end_line(self) -> None:
        if self._state:
            print()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_line()
