"""The service's database: schema, resource ids and transactions that are serialised for each tenant."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from foreword.domain.quota import UNLIMITED, Quotas
from foreword.sql.database import Database as SqlDatabase
from foreword.storage.audit.recording import begin_recording, end_recording, record_changes
from foreword.storage.events.job_ends import publish_job_ends
from foreword.storage.quotas.limits import DEFAULT_QUOTAS
from foreword.storage.tables import SharedKeyRow

MIGRATIONS = "foreword.storage:migrations"


def random_id() -> str:
    """Return a new resource id: 64 random bits in lower-case hexadecimal."""
    return secrets.token_hex(8)


class Database(SqlDatabase):
    """The database that the server and its workers share.

    Args:
        url: SQLAlchemy URL of an SQLite file or of PostgreSQL, or the path of an SQLite file.
        new_id: Generates the ids of resources whose creator chose none.

    Attributes:
        default_quotas: Quotas of tenants that have none of their own; the process sets them from its settings.

    Raises:
        InvalidArgumentError: The URL names another kind of database, or SQLite in memory, which other processes cannot
            use.
    """

    def __init__(self, url: str | Path, *, new_id: Callable[[], str] = random_id) -> None:
        super().__init__(url, migrations=MIGRATIONS, marker="tune_experiments")
        self.new_id = new_id
        self.default_quotas: Quotas = UNLIMITED
        self._shared_keys: dict[str, bytes] = {}

    def shared_key(self, purpose: str) -> bytes:
        """Return 32 random bytes that all servers of this database share. They are created on first use.

        Args:
            purpose: The only use of the key.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        known = self._shared_keys.get(purpose)
        if known is not None:
            return known
        with self.read() as session:
            row = session.get(SharedKeyRow, purpose)
            secret = None if row is None else row.secret
        if secret is None:
            with self.write("shared_keys") as session:
                row = session.get(SharedKeyRow, purpose)  # another server may have created it in the meantime
                if row is None:
                    row = SharedKeyRow(purpose=purpose, secret=secrets.token_hex(32), create_time=self.clock(session))
                    session.add(row)
                secret = row.secret
        key = bytes.fromhex(secret)
        self._shared_keys[purpose] = key
        return key

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a read-only transaction as in `foreword.sql`; it knows the default quotas."""
        with super().read() as session:
            session.info[DEFAULT_QUOTAS] = self.default_quotas
            yield session

    @contextmanager
    def write(self, serial: str | None = None) -> Iterator[Session]:
        """Open a transaction as in `foreword.sql`.

        The events about jobs that end in it are part of it, and the audit records of what it changes.
        """
        with super().write(serial) as session:
            begin_recording(session)
            session.info[DEFAULT_QUOTAS] = self.default_quotas
            yield session
            publish_job_ends(session)
            record_changes(session, self.clock)
        end_recording(session)

    @contextmanager
    def write_tenant(self, tenant: str) -> Iterator[Session]:
        """Open a write transaction that is serialised for its tenant, so that its checks still hold when it commits."""
        with self.write(f"tenants/{tenant}") as session:
            yield session
