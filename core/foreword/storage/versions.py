"""Detection of changed experiments without reading them in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, tuple_

from foreword.names import TuneExperimentName
from foreword.storage.database import Database
from foreword.storage.tables import ExperimentRow, JobRow

Version = tuple[int, str, int, datetime]
"""Row, state, newest snapshot and time of change of an experiment; it differs after every change."""

_CHUNK = 1000  # names in one statement; databases limit the number of variables


class ExperimentVersions:
    """Versions of the experiments of all tenants, for callers that wait for changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, names: Sequence[TuneExperimentName]) -> Mapping[TuneExperimentName, Version]:
        """Return the versions of those experiments that exist."""
        found: dict[TuneExperimentName, Version] = {}
        row = ExperimentRow
        with self._database.read() as session:
            for start in range(0, len(names), _CHUNK):
                chunk = [(name.tenant, name.tune_experiment) for name in names[start : start + _CHUNK]]
                query = select(row.tenant, row.id, row.key, JobRow.state, row.last_sequence, JobRow.update_time).join(
                    row.job
                )
                for tenant, id, key, state, sequence, changed in session.execute(
                    query.where(tuple_(row.tenant, row.id).in_(chunk))
                ):
                    found[TuneExperimentName(tenant, id)] = (key, state, sequence, changed)
        return found
