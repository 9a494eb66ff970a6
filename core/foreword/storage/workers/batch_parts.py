"""The answers of a batch job at its worker: parts of consecutive rows, each stored once and for all.

A part is a file, and a row of the database that refers to it and has its hash. A worker that takes over a job goes on
after the last part. The key of a file contains the epoch of the lease, so that a worker which has lost its lease writes
to files that nothing refers to. Parts are kept until the job is deleted, however it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from foreword.domain.batch_job import BatchAnswer, BatchJobProgress
from foreword.domain.job import JobState
from foreword.storage.artifacts.keys import batch_answers_key
from foreword.storage.artifacts.line_files import write_lines
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.codec import encode
from foreword.storage.database import Database
from foreword.storage.jobs.endings import end_job
from foreword.storage.jobs.leases import Lease, lock_held
from foreword.storage.jobs.turns import charge_compute
from foreword.storage.repositories.batch_answers import answer_line
from foreword.storage.repositories.batch_jobs import find_batch_job
from foreword.storage.tables import BatchPartRow

FAILPOINTS = (
    "batch.add.before_commit",
    "batch.add.after_commit",
    "batch.succeed.before_commit",
    "batch.succeed.after_commit",
)
"""The points at which `failpoint` is called, for tests that kill the process there."""


@dataclass(frozen=True, slots=True)
class AnsweredCounts:
    """The number of rows that are answered, and the number of those among them that have an error."""

    answered: int
    failed: int


class BatchParts:
    """The parts of a leased batch job.

    Args:
        failpoint: Called with a name of FAILPOINTS when that point is reached.
    """

    def __init__(
        self,
        database: Database,
        artifacts: ArtifactStore,
        lease: Lease,
        *,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._lease = lease
        self._failpoint = failpoint
        job = lease.batch_job
        self._prefix = batch_answers_key(job.tenant, job.id, job.create_time)

    def counts(self) -> AnsweredCounts:
        """Return how many rows are answered. They are the first ones.

        Raises:
            LeaseLostError: The job has been deleted.
        """
        job = self._lease.batch_job
        with self._database.read() as session:
            row = find_batch_job(session, job.tenant, job.id)
            if row is None:
                raise self._lease.lost()
            answered, failed = session.execute(
                select(
                    func.coalesce(func.sum(BatchPartRow.row_count), 0),
                    func.coalesce(func.sum(BatchPartRow.failed_count), 0),
                ).where(BatchPartRow.batch_job_key == row.key)
            ).one()
            return AnsweredCounts(int(answered), int(failed))

    def add(self, answers: Sequence[BatchAnswer], compute_seconds: float) -> None:
        """Store the answers to the next rows, and charge them.

        Args:
            compute_seconds: Total compute time of the job, these answers included.

        Raises:
            LeaseLostError: Another worker owns the job, or it has ended.
            UnavailableError: The database or the artifact store is unavailable.
        """
        job, first = self._lease.batch_job, answers[0].row
        artifact = f"{self._prefix}/{first:07d}-{self._lease.epoch}"
        sha256 = write_lines(self._artifacts, artifact, map(answer_line, answers))
        with self._database.write() as session:
            (held,) = lock_held(session, [self._lease])
            tokens = sum(answer.input_tokens + answer.generated_tokens for answer in answers)
            charge_compute(session, held, compute_seconds, self._database.clock(session), tokens=tokens)
            row = find_batch_job(session, job.tenant, job.id)
            assert row is not None, "a batch job is deleted together with its job"
            session.add(
                BatchPartRow(
                    batch_job_key=row.key,
                    first_row=first,
                    tenant=job.tenant,
                    artifact=artifact,
                    sha256=sha256,
                    row_count=len(answers),
                    failed_count=sum(answer.failure is not None for answer in answers),
                    abstained_count=sum(answer.abstained for answer in answers),
                )
            )
            session.flush()
            self._failpoint("batch.add.before_commit")
        self._failpoint("batch.add.after_commit")

    def succeed(self, progress: BatchJobProgress, compute_seconds: float) -> None:
        """End the job successfully.

        Args:
            progress: Its last progress.
            compute_seconds: Total compute time of the job.

        Raises:
            LeaseLostError: Another worker owns the job, or it has ended.
        """
        job = self._lease.batch_job
        with self._database.write_tenant(job.tenant) as session:
            end_job(session, self._lease, JobState.SUCCEEDED, compute_seconds, self._database.clock(session))
            row = find_batch_job(session, job.tenant, job.id)
            assert row is not None, "a batch job is deleted together with its job"
            row.progress = encode(BatchJobProgress, replace(progress, percent=100.0, remaining_seconds=0.0))
            session.flush()
            self._failpoint("batch.succeed.before_commit")
        self._failpoint("batch.succeed.after_commit")
