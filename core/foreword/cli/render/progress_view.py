"""The view of a job that runs: a live bar on a terminal, otherwise a line for every tenth."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from foreword.cli.render.listing import duration

_LINE_EVERY_PERCENT = 10.0


class ProgressView:
    """A view of a running job. Use it in a `with` block, and call `show` whenever the job changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
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

    def show(self, phase: str, percent: float, figures: str, remaining_seconds: float | None, since: str = "") -> None:
        """Show the current progress.

        Args:
            phase: What the job does, in a word.
            percent: Completed share, in [0, 100].
            figures: Numbers of the job; empty for none.
            remaining_seconds: Estimated remaining time; None while unknown.
            since: Since when it waits, after the phase `waiting`; empty if it does not.
        """
        figures = "  ".join(filter(None, [since, figures]))
        if self._console.is_terminal:
            left = "" if remaining_seconds is None else f"{duration(remaining_seconds)} left"
            self._bar.update(self._task, description=phase, completed=percent, figures=figures, remaining=left)
            return
        # A line for a new phase or another tenth, so that logs do not get hundreds of lines.
        key = (phase, int(percent // _LINE_EVERY_PERCENT))
        if key != self._last_line:
            self._last_line = key
            self._console.print(f"{phase:<11} {percent:3.0f} %  {figures}")
