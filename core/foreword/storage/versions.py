"""Detection of changed resources with a job without reading them in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session, defer

from foreword.names import BatchJobName, EvaluationName, TuneExperimentName
from foreword.storage.database import Database
from foreword.storage.jobs.leases import wait_start
from foreword.storage.tables import BatchJobRow, EvaluationRow, ExperimentRow, JobRow

Name = TuneExperimentName | EvaluationName | BatchJobName
"""Name of a resource with a job."""

Version = tuple[int, str, int, datetime, datetime | None]
"""Row, state, newest snapshot and time of change of a resource, and since when it waits for a worker.

It differs after every change, and when a worker gives no more signs of life.
"""

_CHUNK = 1000  # names in one statement; databases limit the number of variables


class Versions:
    """Versions of the resources with a job of all tenants, for callers that wait for changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, names: Sequence[Name]) -> Mapping[Name, Version]:
        """Return the versions of those resources that exist."""
        found: dict[Name, Version] = {}
        tables: tuple[tuple[type[Name], Any, Any], ...] = (
            (TuneExperimentName, ExperimentRow, ExperimentRow.last_sequence),
            (EvaluationName, EvaluationRow, literal(0)),
            (BatchJobName, BatchJobRow, literal(0)),
        )
        with self._database.read() as session:
            now = self._database.clock(session)
            for kind, table, sequence in tables:
                of_kind = [name for name in names if isinstance(name, kind)]
                for start in range(0, len(of_kind), _CHUNK):
                    _read(session, kind, table, sequence, of_kind[start : start + _CHUNK], found, now)
        return found


def _read(
    session: Session,
    kind: type[Name],
    table: Any,
    sequence: Any,
    names: Sequence[Name],
    found: dict[Name, Version],
    now: datetime,
) -> None:
    query = select(table.tenant, table.id, table.key, sequence, JobRow).join(table.job).options(defer(JobRow.failure))
    asked = [(name.tenant, name.id) for name in names]
    for tenant, id, key, newest, job in session.execute(query.where(tuple_(table.tenant, table.id).in_(asked))):
        found[kind(tenant, id)] = (key, job.state, newest, job.update_time, wait_start(job, now))
