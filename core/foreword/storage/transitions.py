"""The state machine of experiments on database rows, according to `foreword.domain.experiment.TRANSITIONS`.

Nothing else in storage sets the state of an experiment after its creation.
"""

from __future__ import annotations

from datetime import datetime

from foreword.domain.experiment import TRANSITIONS, ExperimentState
from foreword.errors import InternalError
from foreword.names import TuneExperimentName
from foreword.storage.tables import ExperimentRow

HELD_STATES = tuple(state.value for state, following in TRANSITIONS.items() if ExperimentState.SUCCEEDED in following)
"""Values of the states in which a worker runs an experiment, or another worker is to continue it."""

LIVE_STATES = tuple(state.value for state in ExperimentState if not state.ended)
"""Values of the states in which an experiment has not ended."""


def transition(row: ExperimentRow, state: ExperimentState, now: datetime) -> None:
    """Change the state of an experiment and set the corresponding times. An experiment that ends loses its lease.

    Args:
        row: The row, locked by the transaction, so that no other process changes it.
        state: The new state.
        now: The database's time.

    Raises:
        InternalError: The state machine does not allow this change. The row is unchanged.
    """
    current = ExperimentState(row.state)
    if state not in TRANSITIONS[current]:
        name = TuneExperimentName(row.tenant, row.id)
        raise InternalError(
            f"{name} is {current.value} and cannot become {state.value}.",
            metadata={"resource": str(name), "state": current.value},
        )
    row.state = state.value
    row.update_time = now
    if state is ExperimentState.RUNNING:
        row.start_time = now
    if state.ended:
        end_wait(row, now)
        row.end_time = now
        row.lease_worker = row.lease_expire_time = None


def end_wait(row: ExperimentRow, now: datetime) -> None:
    """Add the time since a run yielded its worker to its waiting time. It has no effect if the run does not wait."""
    if row.yield_time is not None:
        row.wait_seconds += max(0.0, (now - row.yield_time).total_seconds())
        row.yield_time = None
