"""The state machine of experiments, as `foreword.domain.experiment.TRANSITIONS` has it, on rows of the database.

Nothing else in storage sets the state of an experiment after its creation.
"""

from __future__ import annotations

from datetime import datetime

from foreword.domain.experiment import TRANSITIONS, ExperimentState
from foreword.errors import InternalError
from foreword.names import TuneExperimentName
from foreword.storage.tables import ExperimentRow

HELD_STATES = tuple(state.value for state, following in TRANSITIONS.items() if ExperimentState.SUCCEEDED in following)
"""States, by value, in which a worker works on an experiment, or one is to take it up again."""

LIVE_STATES = tuple(state.value for state in ExperimentState if not state.ended)
"""States, by value, in which an experiment has not ended."""


def transition(row: ExperimentRow, state: ExperimentState, now: datetime) -> None:
    """Put an experiment into another state, with the times that belong to it; an ended one has no lease.

    Args:
        row: Locked by the transaction, so that nobody else moves it meanwhile.
        state: The new state.
        now: The database's time.

    Raises:
        InternalError: No experiment may get from its state into this one. The row is unchanged.
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
        row.end_time = now
        row.lease_worker = row.lease_expire_time = None
