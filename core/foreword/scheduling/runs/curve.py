"""Conversion of training steps to snapshots of the learning curve and to progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from foreword.domain.experiment import Phase, Progress, Snapshot
from foreword.tuning.runs.results import StepReport

_MOST_SNAPSHOTS = 500


class CurveRecorder:
    """A recorder of steps that makes snapshots at regular intervals and at the end of every epoch.

    Args:
        total_steps: Number of planned updates.
        total_epochs: Number of planned epochs.
        now: Returns the time in aware UTC.
        clock: Clock of monotonic time in seconds, to estimate the remaining time.
    """

    def __init__(
        self,
        *,
        total_steps: int,
        total_epochs: int,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total_steps = total_steps
        self._total_epochs = total_epochs
        self._now = now
        self._clock = clock
        self._steps_per_snapshot = max(1, total_steps // _MOST_SNAPSHOTS)
        self._losses: list[float] = []
        self._rows = 0
        self._seconds = 0.0
        self._started: tuple[int, float] | None = None
        self.progress = Progress(total_steps=total_steps, total_epochs=total_epochs)

    def add(self, step: StepReport) -> Snapshot | None:
        """Add one step, and return a snapshot if one is due. The queue assigns its sequence number."""
        self._losses.append(step.loss)
        self._rows += step.rows
        self._seconds += step.seconds
        if self._started is None:
            # Count from the first step seen here, because a resumed run does not start at step 1.
            self._started = (step.step, self._clock())
        loss = sum(self._losses) / len(self._losses)
        self.progress = Progress(
            percent=min(95.0, 95.0 * step.step / max(1, self._total_steps)),
            step=step.step,
            total_steps=self._total_steps,
            epoch=step.epoch,
            total_epochs=self._total_epochs,
            loss=loss,
            remaining_seconds=self._remaining_seconds(step.step),
            phase=step.phase,
        )
        ends_epoch = step.validation_loss is not None or step.validation_metric is not None
        if len(self._losses) < self._steps_per_snapshot and not ends_epoch:
            return None
        snapshot = Snapshot(
            sequence=0,
            step=step.step,
            epoch=step.epoch,
            loss=loss,
            validation_loss=step.validation_loss,
            validation_metric=step.validation_metric,
            learning_rate=step.learning_rate,
            examples_per_second=self._rows / self._seconds if self._seconds else 0.0,
            phase=step.phase,
            create_time=self._now(),
        )
        self._losses, self._rows, self._seconds = [], 0, 0.0
        return snapshot

    def in_phase(self, phase: Phase) -> Progress:
        """Return the progress in a phase after the last step."""
        percent = {Phase.EVALUATING: 96.0, Phase.STORING: 99.0}.get(phase, self.progress.percent)
        before = self.progress
        return Progress(
            percent=percent,
            step=before.step,
            total_steps=before.total_steps,
            epoch=before.epoch,
            total_epochs=before.total_epochs,
            loss=before.loss,
            remaining_seconds=None,
            phase=phase,
        )

    def _remaining_seconds(self, step: int) -> float | None:
        assert self._started is not None
        first_step, started = self._started
        done = step - first_step
        if done < 1:
            return None
        return (self._clock() - started) / done * max(0, self._total_steps - step)
