"""A worker with a training loop without a model: a chain of hashes, whose end only an unbroken run reaches.

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

from factories.stored import let_wait, make_evaluation, make_snapshot, make_tuned_model, store_experiment
from foreword.domain.experiment import ExperimentState, Progress
from foreword.domain.failure import Failure
from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE
from foreword.errors import LeaseLostError
from foreword.storage.artifact_keys import checkpoints_key, tuned_model_key
from foreword.storage.artifacts import ArtifactStore
from foreword.storage.checkpoints import CheckpointStore
from foreword.storage.database import Database
from foreword.storage.experiments import ExperimentRepository
from foreword.storage.publication import ArtifactPublisher
from foreword.storage.queue import ExperimentQueue, Lease

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
    loop = _Loop(place, worker, database, failpoint)
    queue = ExperimentQueue(database, failpoint=failpoint)
    while True:
        lease = queue.lease(worker, timedelta(seconds=place.lease_seconds))
        if lease is None:
            counts = queue.counts()
            if not any(count for state, count in counts.items() if not state.ended):
                break
            time.sleep(0.01)
            continue
        try:
            loop.run(queue, lease)
        except LeaseLostError:
            loop.note("lost", lease)
    database.close()


class _Loop:
    def __init__(self, place: Place, worker: str, database: Database, failpoint: Callable[[str], None]) -> None:
        self._duration = timedelta(seconds=place.lease_seconds)
        self._database = database
        self._publisher = ArtifactPublisher(
            database=database, artifacts=ArtifactStore(place.artifacts_url, failpoint=failpoint)
        )
        self._checkpoints = CheckpointStore(place.artifacts_url, key=b"key", failpoint=failpoint)
        self._journal = os.open(place.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._worker = worker

    def note(self, event: str, lease: Lease, **facts: Any) -> None:
        """Append a line in one write, so that lines of several processes do not mix."""
        line = {"event": event, "run": lease.experiment.id, "epoch": lease.epoch, "worker": self._worker, **facts}
        os.write(self._journal, (json.dumps(line) + "\n").encode())

    def run(self, queue: ExperimentQueue, lease: Lease) -> None:
        """Run an experiment from its newest checkpoint to its end."""
        self.note("leased", lease)
        experiment, mode = lease.experiment, lease.experiment.description
        key = checkpoints_key(experiment.tenant, experiment.id, experiment.create_time)
        value, start = experiment.id, 0
        payload = self._checkpoints.latest_checkpoint(key)
        if payload is not None:
            state = json.loads(payload)
            value, start = state["value"], state["step"]
            sound = value == value_at(experiment.id, start) and state["padding"] == _PADDING
            self.note("loaded", lease, step=start, written_by=state["epoch"], sound=sound)
        self.note("rewinding", lease, step=start)
        queue.rewind(lease, start)
        for step in range(start + 1, STEPS + 1):
            value = hashlib.sha256(value.encode()).hexdigest()
            time.sleep(0.002)
            # The learning rate of a point identifies the lease that wrote it.
            snapshot = dataclasses.replace(make_snapshot(step), learning_rate=float(lease.epoch))
            progress = Progress(step=step, total_steps=STEPS)
            cancelling = queue.heartbeat(lease, progress=progress, snapshots=[snapshot], duration=self._duration)
            self.note("heartbeat", lease, step=step)
            if cancelling:
                queue.cancelled(lease, 1.0)
                self.note("ended", lease, state=ExperimentState.CANCELLED.value)
                return
            if step % CHECKPOINT_STEPS == 0:
                state = {"value": value, "step": step, "epoch": lease.epoch, "padding": _PADDING}
                self._checkpoints.write_checkpoint(key, lease.epoch, step, json.dumps(state).encode())
                self.note("checkpoint", lease, step=step)
            if mode == "release" and lease.epoch == 1 and step == STEPS // 2:
                queue.release(lease)
                return
            if mode == "yield" and lease.epoch == 1 and step == STEPS // 2:
                rival = store_experiment(self._database, "rival", description="fail")
                let_wait(self._database, rival)
                following = queue.hand_over(lease, self._duration)
                if following is not None:
                    self.run(queue, following)
                    return
            if mode == "cancel" and step == STEPS // 2:
                ExperimentRepository(self._database, experiment.tenant).request_cancel(experiment.id)
                self.note("cancel", lease)
        self._end(queue, lease, mode, value)
        self._checkpoints.delete_checkpoints(key)

    def _end(self, queue: ExperimentQueue, lease: Lease, mode: str, value: str) -> None:
        if mode == "fail":
            queue.fail(lease, Failure(kind="internal", reason="INTERNAL", message="As requested."), 1.0)
            self.note("ended", lease, state=ExperimentState.FAILED.value)
            return
        model = f"{lease.experiment.id}-{lease.epoch}"
        artifact = tuned_model_key(lease.experiment.tenant, model, value)
        files = {CONFIG_FILE: b"{}", TENSORS_FILE: value.encode()}
        with self._publisher.publish(lease.experiment.tenant, artifact, files):
            queue.succeed(
                lease,
                tuned_model=dataclasses.replace(
                    make_tuned_model(lease.experiment, model), artifact=artifact, content_sha256=value
                ),
                evaluations=[make_evaluation()],
                curve_advice="",
                compute_seconds=1.0,
            )
        self.note("ended", lease, state=ExperimentState.SUCCEEDED.value)
