"""Connections and transactions of a database, which is SQLite or PostgreSQL."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from foreword.errors import InvalidArgumentError
from foreword.observability.logging import get_logger
from foreword.private_files import make_private_folder, open_private
from foreword.sql import migration
from foreword.sql.outages import find_outage, outage_of_file, place_of

_log = get_logger("database")

_BUSY_TIMEOUT_MILLISECONDS = 30_000
_EMPTYING_MILLISECONDS = 250
"""Time for which emptying the write-ahead log waits for others. Writers wait for it meanwhile."""


class Database:
    """A connection pool with transactions and the clock that leases use.

    Methods block and may be called from any thread; async callers use a pool of threads.

    Args:
        url: SQLAlchemy URL of an SQLite file or of PostgreSQL, or the path of an SQLite file.
        migrations: Location of the schema's migrations, as `package:folder`.
        marker: Name of a table that every version of the schema has.

    Attributes:
        is_sqlite: Whether the database is SQLite, which has only one writer at a time.
        file: The file of an SQLite database; None for PostgreSQL and for a `file:` URI.
        on_transaction: Called at the end of each transaction, on its thread, with its use (`read` or `write`), the
            seconds that it took and whether the database was available.

    Raises:
        InvalidArgumentError: The URL names another kind of database, or SQLite in memory, which other processes cannot
            use.
        UnavailableError: The folder of an SQLite file cannot be created.
    """

    def __init__(self, url: str | Path, *, migrations: str, marker: str) -> None:
        parsed = _parse_url(url)
        self._url = parsed
        self._migrations, self._marker = migrations, marker
        self._outages: dict[str, str] = {}
        self.on_transaction: Callable[[str, float, bool], object] = _nothing
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.file = _file_of(parsed) if self.is_sqlite else None
        options: dict[str, Any] = {
            "json_serializer": partial(json.dumps, allow_nan=False, separators=(",", ":")),
            "hide_parameters": True,  # errors are logged, but the texts of tenants must not be
        }
        if self.is_sqlite:
            engine = create_engine(parsed, pool_size=8, max_overflow=56, **options)
            file = self.file
            if file is not None:
                with self._naming_file():
                    make_private_folder(file.parent)
                event.listen(engine, "do_connect", partial(_open_existing, file))
                event.listen(engine, "connect", partial(_remember_file, file))
                event.listen(engine, "checkout", partial(_check_file, file))
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            self._read_engine = engine
        else:
            engine = create_engine(parsed, pool_size=5, max_overflow=15, pool_pre_ping=True, **options)
            # All statements of one read must see the same state, as in SQLite.
            self._read_engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._engine = engine
        self._write_engine = engine.execution_options(foreword_write=True)

    def migrate(self, revision: str = "head") -> None:
        """Upgrade the schema to the newest revision. Processes that start together wait for the first one.

        Only the owner can read a new SQLite file; its write-ahead log has the same permissions.

        Raises:
            FailedPreconditionError: The schema is from a newer version of Foreword or from another program.
            UnavailableError: The database cannot be used. The caller has to show or log the cause.
        """
        file = self.file
        if file is not None:
            with self._naming_file():
                if not file.exists():
                    open_private(file, "ab").close()
                # SQLite would open a read-only file and fail at the first write, which may be much later.
                if not os.access(file, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        with self._connection("migrations", log=False) as connection:
            migration.upgrade(connection, self._migrations, revision, marker=self._marker)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def now(self) -> datetime:
        """Return the time of the database's clock, in aware UTC.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with self.read() as session:
            return self.clock(session)

    def clock(self, session: Session) -> datetime:
        """Return the time of the database's clock within a transaction."""
        if self.is_sqlite:
            shown = session.scalars(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")).one()
            return datetime.fromisoformat(shown).replace(tzinfo=UTC)
        # clock_timestamp() advances within a transaction, which may have waited for a lock.
        moment: datetime = session.scalars(text("SELECT clock_timestamp()")).one()
        return moment.astimezone(UTC)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a read-only transaction, in which all statements see the same state.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with self._translated("read"), Session(self._read_engine) as session:
            yield session

    @contextmanager
    def write(self, serial: str | None = None) -> Iterator[Session]:
        """Open a transaction that commits when the block ends and rolls back if the block raises.

        Args:
            serial: Name of a lock; transactions with the same name run one after the other. SQLite has one writer at a
                time anyway.

        Raises:
            UnavailableError: The database cannot be reached, or was busy for too long.
        """
        with self._connection(serial) as connection, Session(connection, autoflush=False) as session:
            yield session
            session.flush()

    def empty_log(self) -> bool:
        """Empty the write-ahead log of SQLite, which holds what was deleted; no transaction may be open on this thread.

        Returns:
            Whether it is empty. Others may use it, or the file may be out of order, which the next transaction reports.
            True for PostgreSQL, whose log is not ours.
        """
        if not self.is_sqlite:
            return True
        try:
            with closing(self._engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout = {_EMPTYING_MILLISECONDS}")
                try:
                    is_busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    return not is_busy
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MILLISECONDS}")
                    cursor.close()
        except sqlite3.OperationalError:
            return False

    @contextmanager
    def _connection(self, serial: str | None, *, log: bool = True) -> Iterator[Connection]:
        with self._translated("write", log=log), self._write_engine.begin() as connection:
            if serial is not None and not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": serial})
            yield connection

    @contextmanager
    def _translated(self, use: str, *, log: bool = True) -> Iterator[None]:
        """Raise UnavailableError if the database cannot be used, and log the cause each time it changes.

        Args:
            use: `read` or `write`; one may work while the other fails.
        """
        begin, available = time.monotonic(), True
        try:
            yield
        except (DBAPIError, PoolTimeoutError) as error:
            outage = find_outage(self._url, error)
            if outage is None:
                raise
            available = False
            if log and self._outages.get(use) != outage.problem:
                self._outages[use] = outage.problem
                _log.error(
                    "database_unavailable",
                    database=outage.place,
                    use=use,
                    problem=outage.problem,
                    error=outage.detail,
                    remedy=outage.remedy,
                )
            if self.is_sqlite:
                self._engine.dispose()  # connections cache pages of a file that may be replaced
            raise outage.error() from error
        finally:
            self.on_transaction(use, time.monotonic() - begin, available)
        if self._outages and self._outages.pop(use, None) is not None:
            _log.info("database_available", database=place_of(self._url), use=use)

    @contextmanager
    def _naming_file(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise outage_of_file(place_of(self._url), error).error() from error


def _nothing(_use: str, _seconds: float, _available: bool) -> None:
    """Do nothing."""


def _parse_url(url: str | Path) -> URL:
    if "\0" in str(url):
        raise InvalidArgumentError.of("database_url", "contains the character NUL, which no path can contain")
    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url.absolute()))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidArgumentError.of(
            "database_url", "must be an SQLAlchemy URL, such as sqlite:///foreword.db"
        ) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise InvalidArgumentError.of(
            "database_url", f"must begin with sqlite:/// or postgresql://, not {parsed.drivername}://"
        )
    options = url.partition("?")[2]
    if not all("=" in option for option in options.split("&") if options):
        raise InvalidArgumentError.of(
            "database_url",
            f"has a path that ends at ?, and {options[:100]!r} is not an option; write %3F for ? and %25 for %",
        )
    if not parsed.database or parsed.database == ":memory:" or "mode=memory" in parsed.database:
        raise InvalidArgumentError.of(
            "database_url", "must name a file, such as sqlite:///foreword.db, which server and workers share"
        )
    return parsed


def _file_of(url: URL) -> Path | None:
    """Return the file of an SQLite database; None for a `file:` URI, which has its own rules."""
    assert url.database is not None
    return None if url.database.startswith("file:") else Path(url.database).absolute()


def _open_existing(file: Path, _dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
    # SQLite would create a missing file, and a service whose file was deleted would continue with an empty database.
    arguments[0] = f"file:{quote(str(file))}?mode=rw"
    options["uri"] = True


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _remember_file(file: Path, _connection: Any, record: Any) -> None:
    record.info["file"] = _identity(file)


def _check_file(file: Path, _connection: Any, record: Any, _proxy: Any) -> None:
    """Drop all connections if the file was deleted or replaced; they would write to a file that has no name."""
    if record.info.get("file") != _identity(file):
        raise InvalidatePoolError


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins transactions, not the heuristics of sqlite3
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MILLISECONDS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")  # overwrites what is deleted, which takes 4 us for a captured request
    # Changing the mode ignores the busy timeout: if two processes create the file together, one of them fails.
    deadline = time.monotonic() + _BUSY_TIMEOUT_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break
        except connection.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails if another one writes in between. Taking the write lock at
    # the start avoids this.
    writes = connection.get_execution_options().get("foreword_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
