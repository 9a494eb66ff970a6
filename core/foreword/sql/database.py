"""The database: SQLite or PostgreSQL behind the same code."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from foreword.errors import InvalidArgumentError, UnavailableError
from foreword.sql import migration

_BUSY_TIMEOUT_MILLISECONDS = 30_000


class Database:
    """A pool of connections, transactions and the one clock that leases go by.

    Methods block and may be called from any thread; async callers use `asyncio.to_thread`.

    Args:
        url: SQLAlchemy URL of an SQLite file or of PostgreSQL, or the path of an SQLite file.
        migrations: Where the schema's migrations are, as `package:folder`.

    Attributes:
        is_sqlite: Whether there is but one writer at a time.

    Raises:
        InvalidArgumentError: The URL names another kind of database, or SQLite in memory, which no other process sees.
    """

    def __init__(self, url: str | Path, *, migrations: str) -> None:
        parsed = _parse_url(url)
        self._migrations = migrations
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {
            "json_serializer": partial(json.dumps, allow_nan=False, separators=(",", ":")),
            "hide_parameters": True,  # an error is logged; what somebody wrote is not
        }
        if self.is_sqlite:
            assert parsed.database is not None
            Path(parsed.database).absolute().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            engine = create_engine(parsed, pool_size=8, max_overflow=56, **options)
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            self._read_engine = engine
        else:
            engine = create_engine(parsed, pool_size=5, max_overflow=15, pool_pre_ping=True, **options)
            # Several statements of one read must see one state, as they do in SQLite.
            self._read_engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._engine = engine
        self._write_engine = engine.execution_options(foreword_write=True)

    def migrate(self, revision: str = "head") -> None:
        """Brings the schema up to date; processes that start together wait for the first.

        A new SQLite file is for its owner's eyes only; its write-ahead log follows it.

        Raises:
            FailedPreconditionError: The schema is from a newer version of Foreword.
            UnavailableError: The database cannot be reached.
        """
        path = self._engine.url.database
        if self.is_sqlite and path is not None and not path.startswith("file:"):
            Path(path).touch(mode=0o600, exist_ok=True)
        with self._connection("migrations") as connection:
            migration.upgrade(connection, self._migrations, revision)

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def now(self) -> datetime:
        """The database's clock, in aware UTC.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with self.read() as session:
            return self.clock(session)

    def clock(self, session: Session) -> datetime:
        """The database's clock within a transaction."""
        if self.is_sqlite:
            shown = session.scalars(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")).one()
            return datetime.fromisoformat(shown).replace(tzinfo=UTC)
        # clock_timestamp() moves on within a transaction, which may have waited for a lock.
        moment: datetime = session.scalars(text("SELECT clock_timestamp()")).one()
        return moment.astimezone(UTC)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, and sees one state throughout.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with _translated(), Session(self._read_engine) as session:
            yield session

    @contextmanager
    def write(self, serial: str | None = None) -> Iterator[Session]:
        """A transaction that commits when its block ends, and rolls back when the block raises.

        Args:
            serial: Transactions of the same name run one after the other. SQLite has one writer at a time anyway.

        Raises:
            UnavailableError: The database cannot be reached, or was busy for too long.
        """
        with self._connection(serial) as connection, Session(connection, autoflush=False) as session:
            yield session
            session.flush()

    @contextmanager
    def _connection(self, serial: str | None) -> Iterator[Connection]:
        with _translated(), self._write_engine.begin() as connection:
            if serial is not None and not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": serial})
            yield connection


def _parse_url(url: str | Path) -> URL:
    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url.absolute()))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidArgumentError.of("database_url", "is no SQLAlchemy URL, such as sqlite:///foreword.db") from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise InvalidArgumentError.of(
            "database_url", f"must begin with sqlite:/// or postgresql://, not {parsed.drivername}://"
        )
    options = url.partition("?")[2]
    if not all("=" in option for option in options.split("&") if options):
        raise InvalidArgumentError.of(
            "database_url", f"ends its path at ?, and {options[:100]!r} is no option; write %3F for ? and %25 for %"
        )
    if not parsed.database or parsed.database == ":memory:" or "mode=memory" in parsed.database:
        raise InvalidArgumentError.of(
            "database_url", "must name a file, such as sqlite:///foreword.db: server and workers share it"
        )
    return parsed


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, not where sqlite3 guesses
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MILLISECONDS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    # Changing the mode ignores the busy timeout: of two processes that create the file together, one is refused.
    for attempt in range(100):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break
        except connection.OperationalError:
            if attempt == 99:
                raise
            time.sleep(0.02)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later could find that another one wrote in between, and fail;
    # taking the write lock at the start cannot.
    writes = connection.get_execution_options().get("foreword_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise UnavailableError(
            "The database cannot be reached or is too busy. Try again; if it lasts, check database_url.",
            reason="DATABASE_UNAVAILABLE",
        ) from error
