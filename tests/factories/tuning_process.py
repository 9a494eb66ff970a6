"""A process with a real worker that tunes a tiny base model, for tests that kill it."""

from __future__ import annotations

import os
import random
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import structlog
import torch

from factories.serving import TinyBaseModel
from foreword.config import Settings
from foreword.domain.job import JobKind
from foreword.plugin.manager import PluginManager
from foreword.scheduling.worker import Worker
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts import checkpoints
from foreword.storage.artifacts import store as artifacts
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.workers import answer_batches, batch_parts, queue
from foreword.storage.workers.queue import JobQueue

SAVING = (*artifacts.FAILPOINTS, *checkpoints.FAILPOINTS)
MOMENTS = (*SAVING, *queue.FAILPOINTS)
BATCHING = (*batch_parts.FAILPOINTS, artifacts.FAILPOINTS[-1])
ANSWERING = (*answer_batches.FAILPOINTS, "queue.heartbeat.after_commit", *artifacts.FAILPOINTS)


@dataclass(frozen=True)
class Kill:
    """When a worker kills itself: the given time that it passes a moment of `MOMENTS`. No moment: never."""

    moment: str = ""
    passes: int = 1

    @classmethod
    def at_random(cls, chance: random.Random) -> Kill:
        """Return a random kill; every other one strikes while the worker saves."""
        moments = SAVING if chance.random() < 0.5 else MOMENTS
        return cls(chance.choice(moments), chance.randint(1, 12))


class _StopWhenDone(threading.Event):
    """A stop event that is set when the worker has nothing to do and every job has ended."""

    def __init__(self, queue: JobQueue) -> None:
        super().__init__()
        self._queue = queue

    def wait(self, timeout: float | None = None) -> bool:
        counts = [item for kind in JobKind for item in self._queue.counts(kind).items()]
        if not any(count for state, count in counts if not state.ended):
            self.set()
        return super().wait(0.05)


def tune(settings: Settings, log: Path, name: str, kill: Kill = Kill()) -> None:
    """Tune experiments until all have ended, or until the worker kills itself. The log is appended to a file."""
    torch.set_num_threads(1)
    left = kill.passes

    def failpoint(moment: str) -> None:
        nonlocal left
        if moment == kill.moment:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    with log.open("a", buffering=1) as file:  # line by line, so that a kill loses none
        structlog.configure(
            processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
            logger_factory=structlog.WriteLoggerFactory(file),
        )
        database = Database(settings.resolved_database_url)
        plugins = PluginManager.load()
        plugins.base_models.claim("tests")
        plugins.base_models.add(TinyBaseModel())
        experiments = JobQueue(database, failpoint=failpoint)
        url = settings.resolved_artifacts_url
        workshop = Workshop(
            settings=settings,
            plugins=plugins,
            database=database,
            artifacts=ArtifactStore(url, failpoint=failpoint),
            checkpoints=CheckpointStore(url, key=b"key", failpoint=failpoint),
            queue=experiments,
            failpoint=failpoint,
        )
        Worker(workshop, name).run(_StopWhenDone(experiments))
        database.close()
