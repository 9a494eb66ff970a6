"""Workers in the process of a test, and what disturbs them."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

from sqlalchemy import update

from factories.stored import MOMENT
from foreword.domain.experiment import TuneExperiment
from foreword.domain.job import JobState
from foreword.errors import UnavailableError
from foreword.scheduling.worker import Worker
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import JobRow
from foreword.storage.workers.queue import JobQueue


class StopWhenIdle(threading.Event):
    """A stop event that is set as soon as the worker would pause."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


class StopAt(threading.Event):
    """A stop event that is set at the n-th check, which may be between two updates or during evaluation."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def work(shop, failpoint: Callable[[str], None] = lambda _: None) -> None:
    """Run a worker until the queue is empty or the database is unavailable."""
    disturbed = shop.with_queue(lambda database: JobQueue(database, failpoint=failpoint))
    Worker(disturbed.workshop).run(StopWhenIdle())


def once(moment: str, call: Callable[[], None], *, at: int = 1) -> Callable[[str], None]:
    """Return a failpoint that runs `call` when the run, not the heartbeat thread, passes it the n-th time."""
    passed = [0]

    def failpoint(name: str) -> None:
        if name == moment and threading.current_thread().name != "heartbeat":
            passed[0] += 1
            if passed[0] == at:
                call()

    return failpoint


def away() -> None:
    raise UnavailableError("The database cannot be reached.")


def full(_: str) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def expire(shop, run: TuneExperiment) -> None:
    """Expire the lease, as if the worker had sent no heartbeat for long."""
    with shop.workshop.database.write() as session:
        session.execute(update(JobRow).where(JobRow.resource == run.id).values(lease_expire_time=MOMENT))


def key_of(run: TuneExperiment) -> str:
    return checkpoints_key(run.tenant, run.id, run.create_time)


def state(shop, run: TuneExperiment) -> JobState:
    return shop.repository.get(run.id).state


def content(shop, run: TuneExperiment) -> str:
    model = shop.repository.get(run.id).tuned_model
    return TunedModelRepository(shop.workshop.database, "acme").get(model).content_sha256
