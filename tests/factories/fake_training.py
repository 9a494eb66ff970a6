"""A worker with a training loop without a model: chains of hashes, whose ends only unbroken runs reach.

It trains a company of runs, one step of each after the other, with one heartbeat for all.

The worker records the promises of the storage in a journal that outlives it: it appends a line after the storage has
acknowledged a write, or before it drops something on purpose. Tests kill it and compare the journal with the database.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from factories.stored import (
    company_of,
    let_wait,
    make_evaluation,
    make_snapshot,
    make_tuned_model,
    store_experiment,
)
from foreword.domain.experiment import Progress
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE
from foreword.errors import LeaseLostError
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.keys import checkpoints_key, tuned_model_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease, LeaseState
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.run_results import Beat
from foreword.storage.workers.queue import JobQueue

STEPS = 6
CHECKPOINT_STEPS = 2
_PADDING = "x" * 50_000  # so that writing a checkpoint takes long enough to be killed meanwhile


@dataclass(frozen=True)
class Place:
    """The place of work of a worker."""

    database_url: str
    artifacts_url: str
    journal: str
    lease_seconds: float = 0.3
    most_runs: int = 3


def value_at(experiment: str, step: int) -> str:
    """Return the result of training at a step."""
    value = experiment
    for _ in range(step):
        value = hashlib.sha256(value.encode()).hexdigest()
    return value


def killer(moment: str, passes: int = 1) -> Callable[[str], None]:
    """Return a failpoint that kills its process the given time that it passes a moment."""
    left = passes

    def failpoint(name: str) -> None:
        nonlocal left
        if name == moment:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return failpoint


def work(place: Place, worker: str, moment: str = "", passes: int = 1) -> None:
    """Run experiments until all have ended, or until a moment has passed the given number of times.

    The description of an experiment determines its end: `succeed`, `fail`, `cancel`, `release` or `yield`.
    """
    failpoint = killer(moment, passes)
    database = Database(place.database_url)
    queue = JobQueue(database, failpoint=failpoint)
    company = _Company(place, worker, database, queue, failpoint)
    while True:
        if company.take_runs():
            company.step()
        elif all(state.ended or not count for state, count in queue.counts().items()):
            break
        else:
            time.sleep(0.01)
    database.close()


class _Run:
    """A leased run and the state of its chain."""

    def __init__(self, lease: Lease) -> None:
        experiment = lease.experiment
        self.lease = lease
        self.mode = experiment.description
        self.checkpoints = checkpoints_key(experiment.tenant, experiment.id, experiment.create_time)
        self.value, self.step = experiment.id, 0

    def advance(self) -> Beat:
        """Make one step and return what to store of it."""
        self.step += 1
        self.value = hashlib.sha256(self.value.encode()).hexdigest()
        # The learning rate of a point identifies the lease that wrote it.
        snapshot = dataclasses.replace(make_snapshot(self.step), learning_rate=float(self.lease.epoch))
        return Beat(lease=self.lease, progress=Progress(step=self.step, total_steps=STEPS), snapshots=[snapshot])


class _Company:
    """The runs of one worker."""

    def __init__(
        self,
        place: Place,
        worker: str,
        database: Database,
        queue: JobQueue,
        failpoint: Callable[[str], None],
    ) -> None:
        self._duration = timedelta(seconds=place.lease_seconds)
        self._most_runs = place.most_runs
        self._database = database
        self._queue = queue
        self._artifacts = ArtifactStore(place.artifacts_url, failpoint=failpoint)
        self._publisher = ArtifactPublisher(database=database, artifacts=self._artifacts)
        self._checkpoints = CheckpointStore(place.artifacts_url, key=b"key", failpoint=failpoint)
        self._journal = os.open(place.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._worker = worker
        self._runs: list[_Run] = []

    def take_runs(self) -> bool:
        """Lease runs while there is room, and return whether there are any."""
        while len(self._runs) < self._most_runs:
            if self._runs:
                base_model = self._runs[0].lease.experiment.config.base_model
                lease = self._queue.join(self._worker, base_model, self._duration)
            else:
                lease = self._queue.lease(self._worker, self._duration)
            if lease is None:
                break
            self._begin(lease)
        return bool(self._runs)

    def step(self) -> None:
        """Make one step of every run, and store all of them with one heartbeat."""
        time.sleep(0.002)
        beats = [run.advance() for run in self._runs]
        states = self._queue.heartbeat(beats, duration=self._duration)
        for run, state in zip(list(self._runs), states, strict=True):
            if run not in self._runs:  # it has left with another one
                continue
            try:
                self._go_on(run, state)
            except LeaseLostError:
                self._lose(run)

    def _begin(self, lease: Lease) -> None:
        """Continue a run from its newest checkpoint."""
        self._note("leased", lease)
        run = _Run(lease)
        payload = self._checkpoints.latest_checkpoint(run.checkpoints)
        if payload is not None:
            state = json.loads(payload)
            run.value, run.step = state["value"], state["step"]
            sound = run.value == value_at(lease.experiment.id, run.step) and state["padding"] == _PADDING
            self._note("loaded", lease, step=run.step, written_by=state["epoch"], sound=sound)
        self._note("rewinding", lease, step=run.step)
        self._runs.append(run)
        try:
            self._queue.rewind(lease, run.step, resumed_step=run.step)
            if run.step >= STEPS:
                self._end(run)
        except LeaseLostError:
            self._lose(run)

    def _go_on(self, run: _Run, state: LeaseState) -> None:
        lease = run.lease
        if state is LeaseState.LOST:
            raise lease.lost()
        self._note("heartbeat", lease, step=run.step)
        if state is LeaseState.CANCELLING:
            self._queue.cancelled(lease, 1.0)
            self._note("ended", lease, state=JobState.CANCELLED.value)
            self._runs.remove(run)
            return
        if run.step % CHECKPOINT_STEPS == 0:
            self._checkpoint(run)
        if run.step == STEPS // 2:
            self._disturb(run)
        if run in self._runs and run.step >= STEPS:
            self._end(run)

    def _disturb(self, run: _Run) -> None:
        """Do what the mode of a run asks for in its middle."""
        lease = run.lease
        if run.mode == "release" and lease.epoch == 1:
            self._queue.release(lease)
            self._runs.remove(run)
        elif run.mode == "yield" and lease.epoch == 1:
            rival = store_experiment(self._database, "rival", description="fail", base_model="rival")
            let_wait(self._database, rival)
            self._hand_over()
        elif run.mode == "cancel":
            ExperimentRepository(self._database, lease.experiment.tenant).request_cancel(lease.experiment.id)
            self._note("cancel", lease)

    def _hand_over(self) -> None:
        """Yield to a run of another base model with all runs, if their tenant has had more than its share."""
        for run in self._runs:
            self._checkpoint(run)
        leases = [run.lease for run in self._runs]
        following = self._queue.hand_over(company_of(*leases, is_full=False), leases, self._duration)
        if following is not None:
            self._runs.clear()
            self._begin(following)

    def _checkpoint(self, run: _Run) -> None:
        state = {"value": run.value, "step": run.step, "epoch": run.lease.epoch, "padding": _PADDING}
        self._checkpoints.write_checkpoint(run.checkpoints, run.lease.epoch, run.step, json.dumps(state).encode())
        self._note("checkpoint", run.lease, step=run.step)

    def _end(self, run: _Run) -> None:
        if run.mode == "fail":
            failure = Failure(kind="internal", reason="INTERNAL", message="As requested.")
            self._queue.fail(run.lease, failure, 1.0)
            self._note("ended", run.lease, state=JobState.FAILED.value)
        else:
            self._succeed(run)
        self._artifacts.delete(run.checkpoints)
        self._runs.remove(run)

    def _succeed(self, run: _Run) -> None:
        lease = run.lease
        model = f"{lease.experiment.id}-{lease.epoch}"
        artifact = tuned_model_key(lease.experiment.tenant, model, run.value)
        files = {CONFIG_FILE: b"{}", TENSORS_FILE: run.value.encode()}
        with self._publisher.publish(lease.experiment.tenant, artifact, files):
            self._queue.succeed(
                lease,
                tuned_model=dataclasses.replace(
                    make_tuned_model(lease.experiment, model), artifact=artifact, content_sha256=run.value
                ),
                evaluations=[make_evaluation()],
                curve_advice="",
                compute_seconds=1.0,
            )
        self._note("ended", lease, state=JobState.SUCCEEDED.value)

    def _lose(self, run: _Run) -> None:
        self._note("lost", run.lease)
        if run in self._runs:
            self._runs.remove(run)

    def _note(self, event: str, lease: Lease, **facts: Any) -> None:
        """Append a line in one write, so that lines of several processes do not mix."""
        line = {"event": event, "run": lease.experiment.id, "epoch": lease.epoch, "worker": self._worker, **facts}
        os.write(self._journal, (json.dumps(line) + "\n").encode())
