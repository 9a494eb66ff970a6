"""The parts of a batch job's answers in the database: those without a row of a selection need not be read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from factories.stored_answering import store_batch_job
from foreword.domain.batch_job import AnswerSelection, BatchAnswer
from foreword.domain.failure import Failure
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.tables import BatchPartRow
from foreword.storage.workers.batch_parts import BatchParts
from foreword.storage.workers.queue import JobQueue

FAILURE = Failure(kind="invalid_argument", reason="TEXT_TOO_LONG", message="It is too long.")


def test_only_parts_with_a_row_of_the_selection_are_listed(database: Database, tmp_path: Path):
    job = store_batch_job(database)
    lease = JobQueue(database).lease("w", timedelta(minutes=1))
    assert lease is not None
    parts = BatchParts(database, ArtifactStore(tmp_path), lease)
    parts.add([BatchAnswer(row=1, input="a", answer="Service")], 1.0)
    parts.add([BatchAnswer(row=2, input="b", abstained=True), BatchAnswer(row=3, input="c", answer="Service")], 2.0)
    parts.add([BatchAnswer(row=4, input="d", failure=FAILURE)], 3.0)

    def listed(selection: AnswerSelection) -> list[int]:
        found = BatchJobRepository(database, "acme").parts(job.id, after_row=0, limit=10, selection=selection)
        return [part.first_row for part in found]

    before = [
        listed(selection) for selection in (AnswerSelection.ALL, AnswerSelection.FAILED, AnswerSelection.ABSTAINED)
    ]
    with database.write() as session:
        session.execute(update(BatchPartRow).values(abstained_count=None))

    assert before == [[1, 2, 4], [4], [2]]
    assert listed(AnswerSelection.ABSTAINED) == [1, 2, 4], "parts of an older version have to be read"
