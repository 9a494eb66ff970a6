"""Databases of the service with all tables. An SQLite file is the copy of one that was migrated once."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from sqlalchemy import MetaData, create_engine, make_url, text

from foreword.storage.database import Database


def open_database(url: str | Path) -> Database:
    """Open a database, and create its tables unless they are there."""
    database = Database(url)
    if database.file is None or database.file.exists():
        database.migrate()
    else:
        shutil.copy(migrated_file(), database.file)
    return database


@functools.cache
def migrated_file() -> Path:
    """Return an SQLite file with all tables, to copy."""
    folder = Path(tempfile.mkdtemp(prefix="foreword-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(folder / "foreword.db")
    database.migrate()
    database.close()
    return folder / "foreword.db"


def empty_postgres(url: str, tables: MetaData) -> None:
    """Remove all rows of a PostgreSQL database. This is faster than TRUNCATE, which makes new files of all tables."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # foreign keys are not checked
        connection.execute(text("; ".join(f"DELETE FROM {name}" for name in tables.tables)))
        connection.execute(
            text(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
                " FROM pg_sequences WHERE last_value IS NOT NULL"
            )
        )
    engine.dispose()
