"""The state machine of experiments: storage allows exactly its transitions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import delete

from factories.stored import MOMENT, beat, make_tuned_model, store_experiment
from foreword.domain.failure import Failure
from foreword.domain.job import TRANSITIONS, JobState
from foreword.errors import ForewordError, InternalError
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.jobs.transitions import transition
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.tables import ExperimentRow, JobRow
from foreword.storage.workers.queue import JobQueue

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLING, CANCELLED = (
    JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED,
    JobState.CANCELLING, JobState.CANCELLED,
)  # fmt: skip
EDGES = {(before, after) for before, following in TRANSITIONS.items() for after in following}
MINUTE = timedelta(minutes=1)


class Run:
    """One experiment and all operations of storage on its state. Its worker never notices that its lease is lost."""

    def __init__(self, database: Database) -> None:
        self.repository = ExperimentRepository(database, "acme")
        self.queue = JobQueue(database)
        self.id = store_experiment(database).id
        self.held: Lease | None = None

    @property
    def state(self) -> JobState:
        return self.repository.get(self.id).state

    @property
    def as_held(self) -> Lease:
        return self.held or Lease(self.repository.get(self.id), 1, "w", job=0)

    def lease(self) -> None:
        self.held = self.queue.lease("w", MINUTE) or self.held

    def succeed(self) -> None:
        model = make_tuned_model(self.as_held.experiment, self.id)
        self.queue.succeed(self.as_held, tuned_model=model, evaluations=(), curve_advice="", compute_seconds=1.0)

    def fail(self) -> None:
        self.queue.fail(self.as_held, Failure(kind="internal", reason="INTERNAL", message="It broke."), 1.0)

    def end_cancelled(self) -> None:
        self.queue.cancelled(self.as_held, 1.0)

    def request_cancel(self) -> None:
        self.repository.request_cancel(self.id)

    def heartbeat(self) -> None:
        beat(self.queue, self.as_held, duration=MINUTE)

    def release(self) -> None:
        self.queue.release(self.as_held)


OPERATIONS: dict[str, Callable[[Run], None]] = {
    "lease": Run.lease,
    "succeed": Run.succeed,
    "fail": Run.fail,
    "end cancelled": Run.end_cancelled,
    "request cancel": Run.request_cancel,
    "heartbeat": Run.heartbeat,
    "release": Run.release,
}
WAYS: dict[JobState, tuple[str, ...]] = {
    QUEUED: (),
    RUNNING: ("lease",),
    SUCCEEDED: ("lease", "succeed"),
    FAILED: ("lease", "fail"),
    CANCELLING: ("lease", "request cancel"),
    CANCELLED: ("lease", "request cancel", "end cancelled"),
}
"""Operations that bring an experiment into each state."""


def test_storage_makes_every_transition_of_the_state_machine_and_no_other(database: Database):
    made = set()
    for before, operation in product(JobState, OPERATIONS):
        run = Run(database)
        for step in WAYS[before]:
            OPERATIONS[step](run)
        assert run.state is before
        try:
            OPERATIONS[operation](run)
        except ForewordError:
            assert run.state is before, f"{operation} was refused and changed the state"
        if run.state is not before:
            made.add((before, run.state))
        with database.write() as session:  # the next run is the only one to lease
            session.execute(delete(JobRow))
            session.execute(delete(ExperimentRow))

    assert made == EDGES


@pytest.mark.parametrize(("before", "after"), [*product(JobState, repeat=2)], ids=lambda state: state.value)
def test_a_transition_is_made_if_the_state_machine_has_it_and_refused_otherwise(before: JobState, after: JobState):
    row = JobRow(
        tenant="acme", kind="tune", resource="e1", state=before.value, lease_worker="w", lease_expire_time=MOMENT
    )

    if (before, after) in EDGES:
        transition(row, after, MOMENT)
        assert (row.state, row.update_time) == (after.value, MOMENT)
    else:
        with pytest.raises(InternalError, match=f"is {before.value} and cannot become {after.value}"):
            transition(row, after, MOMENT)
        assert (row.state, row.update_time, row.lease_worker) == (before.value, None, "w")


def test_a_run_that_begins_has_a_start_and_one_that_ends_has_an_end_and_no_lease():
    row = JobRow(tenant="acme", kind="tune", resource="e1", state="queued")
    transition(row, RUNNING, MOMENT)
    row.lease_worker, row.lease_expire_time = "w", MOMENT

    began = (row.start_time, row.end_time)
    transition(row, FAILED, MOMENT + MINUTE)

    assert began == (MOMENT, None)
    assert (row.start_time, row.end_time) == (MOMENT, MOMENT + MINUTE)
    assert (row.lease_worker, row.lease_expire_time) == (None, None)


def test_a_worker_cannot_cancel_a_run_without_a_request(database: Database):
    run = Run(database)
    run.lease()

    with pytest.raises(InternalError, match="is running and cannot become cancelled"):
        run.end_cancelled()

    assert run.state is RUNNING


def test_the_states_that_end_a_run_are_those_that_no_other_follows():
    assert {state for state in JobState if state.ended} == {SUCCEEDED, FAILED, CANCELLED}
