"""What `studio.py` stores: a long list of runs, long curves, a large dataset, and a run that goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Integer, String, insert, literal, select, true

from factories.stored import beat, make_evaluation, make_snapshot, make_tuned_model
from foreword import Client
from foreword.samples import sample_path
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.tables import ExperimentRow, JobRow
from foreword.storage.workers.queue import JobQueue

HOUR = timedelta(hours=1)


class Contents:
    """The database of a service without workers, in whose place this process acts.

    Args:
        home: Folder of the service.
        client: A client of its tenant `dev`.
    """

    def __init__(self, home: Path, client: Client) -> None:
        self.database = Database(home / "foreword.db")
        self.queue = JobQueue(self.database)
        self._client = client
        self.dataset = client.upload_dataset(sample_path("complaints"), display_name="Complaints").name

    def queued(self, name: str) -> str:
        """Create a run, which waits, and return its name."""
        return self._client.create_tune_experiment(self.dataset, display_name=name).name

    def lease(self, run: str) -> Lease:
        """Act as the worker that takes a run, after all that wait before it."""
        while (lease := self.queue.lease("benchmark", HOUR)) is not None:
            if lease.experiment.id == run.rpartition("/")[2]:
                return lease
        raise LookupError(f"{run} does not wait")

    def ended(self, name: str, *, points: int) -> str:
        """Create a run that has ended with a curve, and return its name."""
        run = self.queued(name)
        lease = self.lease(run)
        for begin in range(1, points + 1, 500):
            curve = [make_snapshot(step, 1 / step) for step in range(begin, min(begin + 500, points + 1))]
            beat(self.queue, lease, duration=HOUR, snapshots=curve)
        self.queue.succeed(
            lease,
            tuned_model=make_tuned_model(lease.experiment, f"model-{lease.experiment.id}"),
            evaluations=(make_evaluation("tuned"), make_evaluation("base_zero_shot")),
            curve_advice="",
            suspect_rows=None,
            compute_seconds=90.0,
        )
        return run

    def copy(self, run: str, copies: int) -> None:
        """Copy a run without its curve, as often as a long list needs."""
        id = run.rpartition("/")[2]
        numbers = select(literal(1, Integer).label("number")).cte(recursive=True)
        numbers = numbers.union_all(select(numbers.c.number + 1).where(numbers.c.number < copies))
        suffix = "-" + numbers.c.number.cast(String)
        for row, changed in ((ExperimentRow, ("id", "display_name")), (JobRow, ("resource",))):
            columns = [column for column in row.__table__.columns if column.name not in {"key", "tuned_model"}]
            values = [column + suffix if column.name in changed else column for column in columns]
            own = ExperimentRow.id == id if row is ExperimentRow else JobRow.resource == id
            with self.database.write() as session:
                names = [column.name for column in columns]
                session.execute(
                    insert(row).from_select(names, select(*values).select_from(row).join(numbers, true()).where(own))
                )

    @contextmanager
    def going_on(self, name: str, every_seconds: float) -> Iterator[str]:
        """Create a run that gets a point again and again until the block ends, and yield its name."""
        run, stop = self.queued(name), threading.Event()
        lease = self.lease(run)

        def go_on() -> None:
            step = 0
            while not stop.wait(every_seconds):
                step += 1
                beat(self.queue, lease, duration=HOUR, snapshots=[make_snapshot(step)])

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield run
        finally:
            stop.set()
            thread.join()
            self._client.cancel_tune_experiment(run)

    def large(self, rows: int, folder: Path) -> str:
        """Upload a dataset, and return its name."""
        path = folder / "large.jsonl"
        with path.open("w") as file:
            for number in range(rows):
                file.write(f'{{"input": "Complaint {number} about order {number % 997}", "output": "L{number % 7}"}}\n')
        return self._client.upload_dataset(path, display_name="Large").name
