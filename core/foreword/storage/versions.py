"""Detection of changed resources with a job without reading them in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from foreword.names import BatchJobName, EvaluationName, TuneExperimentName
from foreword.storage.database import Database
from foreword.storage.tables import BatchJobRow, EvaluationRow, ExperimentRow, JobRow

Name = TuneExperimentName | EvaluationName | BatchJobName
"""Name of a resource with a job."""

Version = tuple[int, str, int, datetime]
"""Row, state, newest snapshot and time of change of a resource; it differs after every change."""

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
            for kind, table, sequence in tables:
                of_kind = [name for name in names if isinstance(name, kind)]
                for start in range(0, len(of_kind), _CHUNK):
                    _read(session, kind, table, sequence, of_kind[start : start + _CHUNK], found)
        return found


def _read(
    session: Session, kind: type[Name], table: Any, sequence: Any, names: Sequence[Name], found: dict[Name, Version]
) -> None:
    query = select(table.tenant, table.id, table.key, JobRow.state, sequence, JobRow.update_time).join(table.job)
    asked = [(name.tenant, name.id) for name in names]
    for tenant, id, key, state, newest, changed in session.execute(
        query.where(tuple_(table.tenant, table.id).in_(asked))
    ):
        found[kind(tenant, id)] = (key, state, newest, changed)
