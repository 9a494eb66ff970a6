"""Fixtures that run every test with a database on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from factories.databases import empty_postgres, migrated_file
from foreword.storage.database import Database
from foreword.storage.tables import Base


@pytest.fixture(scope="session")
def postgres_url(postgres_server_url: str) -> str:
    """A migrated PostgreSQL database."""
    migrate(postgres_server_url)
    return postgres_server_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database without rows."""
    if request.param == "sqlite":
        path = shutil.copy(migrated_file(), tmp_path / "foreword.db")
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_url")
    empty_postgres(url, Base.metadata)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database without rows."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'foreword.db'}"
    url = make_url(request.getfixturevalue("postgres_url")).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS bare"))
        connection.execute(text("CREATE DATABASE bare"))
    engine.dispose()
    return url.set(database="bare").render_as_string(hide_password=False)


def migrate(url: str) -> None:
    """Create the tables."""
    database = Database(url)
    database.migrate()
    database.close()
