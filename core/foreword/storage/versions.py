"""Detection of changed experiments and evaluations without reading them in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from foreword.names import EvaluationName, TuneExperimentName
from foreword.storage.database import Database
from foreword.storage.tables import EvaluationRow, ExperimentRow, JobRow

Version = tuple[int, str, int, datetime]
"""Row, state, newest snapshot and time of change of a resource; it differs after every change."""

Item = TypeVar("Item")

_CHUNK = 1000  # names in one statement; databases limit the number of variables


class Versions:
    """Versions of the experiments and evaluations of all tenants, for callers that wait for changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self, names: Sequence[TuneExperimentName | EvaluationName]
    ) -> Mapping[TuneExperimentName | EvaluationName, Version]:
        """Return the versions of those resources that exist."""
        found: dict[TuneExperimentName | EvaluationName, Version] = {}
        runs = [name for name in names if isinstance(name, TuneExperimentName)]
        evaluations = [name for name in names if isinstance(name, EvaluationName)]
        with self._database.read() as session:
            for chunk in _chunks(runs):
                _read_experiments(session, chunk, found)
            for others in _chunks(evaluations):
                _read_evaluations(session, others, found)
        return found


def _read_experiments(
    session: Session,
    names: Sequence[TuneExperimentName],
    found: dict[TuneExperimentName | EvaluationName, Version],
) -> None:
    row, asked = ExperimentRow, [(name.tenant, name.tune_experiment) for name in names]
    query = select(row.tenant, row.id, row.key, JobRow.state, row.last_sequence, JobRow.update_time).join(row.job)
    for tenant, id, key, state, sequence, changed in session.execute(
        query.where(tuple_(row.tenant, row.id).in_(asked))
    ):
        found[TuneExperimentName(tenant, id)] = (key, state, sequence, changed)


def _read_evaluations(
    session: Session, names: Sequence[EvaluationName], found: dict[TuneExperimentName | EvaluationName, Version]
) -> None:
    row, asked = EvaluationRow, [(name.tenant, name.evaluation) for name in names]
    query = select(row.tenant, row.id, row.key, JobRow.state, literal(0), JobRow.update_time).join(row.job)
    for tenant, id, key, state, sequence, changed in session.execute(
        query.where(tuple_(row.tenant, row.id).in_(asked))
    ):
        found[EvaluationName(tenant, id)] = (key, state, sequence, changed)


def _chunks(names: Sequence[Item]) -> list[Sequence[Item]]:
    return [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
