"""The course of a run through its rows: phases, epochs, windows of batches, and the learning rate of each update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from foreword.domain.experiment import Phase
from foreword.domain.parameters import ResolvedParameters
from foreword.plugin.interfaces import EncodedRow
from foreword.tuning.batches import batch_order
from foreword.tuning.schedule import rate_factor, updates_per_epoch


@dataclass(slots=True, kw_only=True)
class _Cursor:
    """The position of a run: the next window of batches to train on."""

    phase: Phase = Phase.TUNING
    epoch: int = 0
    window: int = 0
    step: int = 0
    num_epochs: int = 0
    done: bool = False


class Course:
    """The updates of a run in their order, and the position in it.

    A window is the batches of one update: `accumulate_steps` of them, or fewer at the end of an epoch. The order
    depends only on the rows, the parameters and the position, so that a resumed run continues where it stopped.

    Args:
        rows: The rows to train on in each phase.
        refits: Whether a phase on all rows follows the first one.
    """

    def __init__(
        self, rows: Mapping[Phase, Sequence[EncodedRow]], parameters: ResolvedParameters, *, refits: bool
    ) -> None:
        self._rows = rows
        self._parameters = parameters
        self._refits = refits
        self._cursor = _Cursor(num_epochs=parameters.num_epochs)
        self._order_epoch()

    @property
    def phase(self) -> Phase:
        """The phase, `TUNING` or `REFITTING`."""
        return self._cursor.phase

    @property
    def rows(self) -> Sequence[EncodedRow]:
        """The rows to train on in this phase."""
        return self._rows[self._cursor.phase]

    @property
    def epoch(self) -> int:
        """The number of epochs of this phase that have ended."""
        return self._cursor.epoch

    @property
    def num_epochs(self) -> int:
        """The number of epochs of this phase."""
        return self._cursor.num_epochs

    @property
    def passed_epochs(self) -> float:
        """The number of passes over the rows in this phase, with fractions."""
        return self._phase_step / len(self._windows)

    @property
    def step(self) -> int:
        """The number of updates made so far, over all phases."""
        return self._cursor.step

    @property
    def steps_left(self) -> int:
        """The number of updates to come without early stopping."""
        cursor, parameters = self._cursor, self._parameters
        if cursor.done:
            return 0
        left = cursor.num_epochs * len(self._windows) - self._phase_step
        if cursor.phase is Phase.TUNING and self._refits:
            left += cursor.num_epochs * updates_per_epoch(
                len(self._rows[Phase.REFITTING]), parameters.batch_size, parameters.accumulate_steps
            )
        return left

    @property
    def epoch_is_over(self) -> bool:
        """True after the last update of an epoch, until `next_epoch`, `refit` or `end`."""
        return self._cursor.window == len(self._windows)

    @property
    def done(self) -> bool:
        """True after `end`."""
        return self._cursor.done

    def window(self) -> list[list[int]]:
        """Return the batches of the next update as indices into `rows`."""
        return self._windows[self._cursor.window]

    def rate(self) -> float:
        """Return the learning rate of the next update."""
        return self._parameters.learning_rate * rate_factor(
            self._phase_step,
            total_updates=self._cursor.num_epochs * len(self._windows),
            warmup_ratio=self._parameters.warmup_ratio,
            schedule=self._parameters.schedule,
        )

    def advance(self) -> None:
        """Move past an update."""
        self._cursor.step += 1
        self._cursor.window += 1

    def next_epoch(self) -> None:
        """Begin the next epoch of the phase."""
        self._cursor.epoch += 1
        self._cursor.window = 0
        self._order_epoch()

    def refit(self, num_epochs: int) -> None:
        """Begin the phase on all rows."""
        self._cursor = _Cursor(phase=Phase.REFITTING, step=self._cursor.step, num_epochs=num_epochs)
        self._order_epoch()

    def end(self) -> None:
        """End the run after the epoch that is over."""
        self._cursor.epoch += 1
        self._cursor.window = 0
        self._cursor.done = True

    def to_json(self) -> dict[str, Any]:
        """Return the position as JSON for a checkpoint."""
        return asdict(self._cursor) | {"phase": self._cursor.phase.value}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Move to the position of a checkpoint."""
        self._cursor = _Cursor(**(dict(data) | {"phase": Phase(data["phase"])}))
        self._order_epoch()

    @property
    def _phase_step(self) -> int:
        """The number of updates made in this phase."""
        return self._cursor.epoch * len(self._windows) + self._cursor.window

    def _order_epoch(self) -> None:
        """Group the batches of the epoch into windows."""
        batches = batch_order(
            self.rows, batch_size=self._parameters.batch_size, seed=self._parameters.seed, epoch=self._cursor.epoch
        )
        size = self._parameters.accumulate_steps
        self._windows = [batches[first : first + size] for first in range(0, len(batches), size)]
