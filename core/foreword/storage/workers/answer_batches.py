"""The answers of an evaluation that is under way: batches of consecutive rows, each stored once and for all.

A batch is a file, and a row of the database that refers to it and has its hash. A worker that takes over an evaluation
finds the batches that are there and goes on with the next one. The key of a file contains the epoch of the lease, so
that a worker which has lost its lease writes to files that nothing refers to. All files of an evaluation are below one
prefix, which is deleted when it has succeeded. If it ends otherwise, they are kept for a while, for a retry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from foreword.domain.evaluation import AnswerRowsFile, Evaluation, EvaluationResults, SystemAnswer
from foreword.domain.job import JobState
from foreword.domain.report_limits import limit_evaluations
from foreword.storage.artifacts.deletions import drop_note, note_deletion
from foreword.storage.artifacts.keys import answer_batches_key
from foreword.storage.artifacts.line_files import read_lines, write_lines
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.jobs.endings import end_job
from foreword.storage.jobs.leases import Lease, lock_held
from foreword.storage.jobs.turns import charge_compute
from foreword.storage.repositories.evaluations import find_evaluation
from foreword.storage.tables import AnswerBatchRow

FAILPOINTS = (
    "answers.add.before_commit",
    "answers.add.after_commit",
    "answers.keep.before_commit",
    "answers.keep.after_commit",
    "answers.succeed.before_commit",
    "answers.succeed.after_commit",
)
"""The points at which `failpoint` is called, for tests that kill the process there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBatch:
    """A stored batch of answers.

    Attributes:
        system: Place of the system in the evaluation.
        number: Number of the batch, from 0.
        row_count: Number of rows.
        seconds: Compute time of the batch.
    """

    system: int
    number: int
    artifact: str
    sha256: str
    row_count: int
    seconds: float


class AnswerBatches:
    """The batches of a leased evaluation.

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
        evaluation = lease.evaluation
        self._database = database
        self._artifacts = artifacts
        self._lease = lease
        self._failpoint = failpoint
        self._prefix = answer_batches_key(evaluation.tenant, evaluation.id, evaluation.create_time)

    def stored(self) -> Sequence[AnswerBatch]:
        """Return the batches that are stored, by system and number."""
        evaluation = self._lease.evaluation
        with self._database.read() as session:
            row = find_evaluation(session, evaluation.tenant, evaluation.id)
            if row is None:
                raise self._lease.lost()
            found = session.scalars(
                select(AnswerBatchRow)
                .where(AnswerBatchRow.evaluation_key == row.key)
                .order_by(AnswerBatchRow.system, AnswerBatchRow.number)
            )
            return [
                AnswerBatch(
                    system=item.system,
                    number=item.number,
                    artifact=item.artifact,
                    sha256=item.sha256,
                    row_count=item.row_count,
                    seconds=item.seconds,
                )
                for item in found
            ]

    def add(
        self, system: int, number: int, answers: Sequence[SystemAnswer], seconds: float, compute_seconds: float
    ) -> AnswerBatch:
        """Store the next batch of a system, and charge it.

        Args:
            seconds: Compute time of the batch.
            compute_seconds: Total compute time of the evaluation, this batch included.

        Raises:
            LeaseLostError: Another worker owns the evaluation, or it has ended.
            UnavailableError: The database or the artifact store is unavailable.
        """
        artifact = f"{self._prefix}/{system}-{number:06d}-{self._lease.epoch}"
        lines = (json.dumps(asdict(answer), ensure_ascii=False) for answer in answers)
        batch = AnswerBatch(
            system=system,
            number=number,
            artifact=artifact,
            sha256=write_lines(self._artifacts, artifact, lines),
            row_count=len(answers),
            seconds=seconds,
        )
        evaluation = self._lease.evaluation
        with self._database.write() as session:
            (job,) = lock_held(session, [self._lease])
            tokens = sum(answer.tokens for answer in answers)
            charge_compute(session, job, compute_seconds, self._database.clock(session), tokens=tokens)
            row = find_evaluation(session, evaluation.tenant, evaluation.id)
            assert row is not None, "an evaluation is deleted together with its job"
            session.add(
                AnswerBatchRow(
                    evaluation_key=row.key,
                    system=system,
                    number=number,
                    tenant=evaluation.tenant,
                    artifact=batch.artifact,
                    sha256=batch.sha256,
                    row_count=batch.row_count,
                    seconds=seconds,
                )
            )
            session.flush()
            self._failpoint("answers.add.before_commit")
        self._failpoint("answers.add.after_commit")
        return batch

    def read(self, batch: AnswerBatch) -> Iterator[SystemAnswer]:
        """Return the answers of a stored batch in order, verified.

        Raises:
            ArtifactError: The file is missing, or is not what was stored.
        """
        for line in read_lines(self._artifacts, batch.artifact, batch.sha256, resource=self._lease.name):
            yield SystemAnswer(**json.loads(line))

    def keep(self, results: EvaluationResults, rows: AnswerRowsFile) -> None:
        """Store the results and the rows of an evaluation that is about to end without success.

        Raises:
            LeaseLostError: Another worker owns the evaluation, or it has ended.
        """
        evaluation = self._lease.evaluation
        with self._database.write_tenant(evaluation.tenant) as session:
            lock_held(session, [self._lease])
            _set_results(session, evaluation, results, rows, self._database.clock(session))
            session.flush()
            self._failpoint("answers.keep.before_commit")
        self._failpoint("answers.keep.after_commit")

    def succeed(self, results: EvaluationResults, rows: AnswerRowsFile, compute_seconds: float) -> None:
        """End the evaluation successfully, with its results and rows, in one transaction. Its batches are dropped.

        Raises:
            LeaseLostError: Another worker owns the evaluation, or it has ended.
        """
        evaluation = self._lease.evaluation
        with self._database.write_tenant(evaluation.tenant) as session:
            now = self._database.clock(session)
            end_job(session, self._lease, JobState.SUCCEEDED, compute_seconds, now)
            _set_results(session, evaluation, results, rows, now)
            _drop_batches(session, evaluation, now)
            session.flush()
            self._failpoint("answers.succeed.before_commit")
        self._failpoint("answers.succeed.after_commit")


def _set_results(
    session: Session, evaluation: Evaluation, results: EvaluationResults, rows: AnswerRowsFile, now: datetime
) -> None:
    """Set the results and the rows of an evaluation whose job is locked."""
    row = find_evaluation(session, evaluation.tenant, evaluation.id)
    assert row is not None, "an evaluation is deleted together with its job"
    systems = limit_evaluations(results.systems)
    limited = replace(
        results,
        systems=systems,
        differences=tuple(item for item in results.differences if item.metric in systems[0].metrics),
    )
    if row.rows_file is not None:  # those of a worker that died before it could end the evaluation
        note_deletion(session, evaluation.tenant, decode(AnswerRowsFile, row.rows_file).artifact, now)
    row.results = encode(EvaluationResults, limited, "results")
    row.rows_file = encode(AnswerRowsFile, rows, "rows")
    drop_note(session, rows.artifact)


def _drop_batches(session: Session, evaluation: Evaluation, now: datetime) -> None:
    """Drop the batches of an evaluation whose job is locked and ends, and schedule their files for deletion."""
    row = find_evaluation(session, evaluation.tenant, evaluation.id)
    assert row is not None, "an evaluation is deleted together with its job"
    session.execute(delete(AnswerBatchRow).where(AnswerBatchRow.evaluation_key == row.key))
    prefix = answer_batches_key(evaluation.tenant, evaluation.id, evaluation.create_time)
    note_deletion(session, evaluation.tenant, prefix, now)
