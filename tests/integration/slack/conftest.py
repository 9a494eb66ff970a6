"""Every test that asks for a store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from factories.api import deployed
from factories.bots import Access
from factories.postgres import running_postgres
from factories.servers import RunningServer
from factories.slack import HandClock
from foreword.sql.database import Database
from foreword_slack.store import Store
from foreword_slack.store.store import MIGRATIONS
from foreword_slack.store.tables import Base


@pytest.fixture(scope="session")
def slack_postgres_url() -> Iterator[str]:
    """A PostgreSQL database with the bot's tables."""
    with running_postgres() as url:
        migrate(url)
        yield make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def migrated_slack_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the bot's tables, to copy."""
    path = tmp_path_factory.mktemp("slack") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has the bot's tables and no rows."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_slack_file'), tmp_path / 'slack.db')}"
    url: str = request.getfixturevalue("slack_postgres_url")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY"))
    engine.dispose()
    return url


def migrate(url: str) -> None:
    """Creates the tables."""
    database = Database(url, migrations=MIGRATIONS)
    database.migrate()
    database.close()


@pytest.fixture
def clock() -> HandClock:
    """A clock that tests move on."""
    return HandClock()


@pytest.fixture
async def store(store_url: str, clock: HandClock) -> AsyncIterator[Store]:
    """An empty store."""
    store = await Store.open(store_url, clock=clock)
    yield store
    await store.close()


@pytest.fixture(scope="session")
def access(server: RunningServer) -> Access:
    """A tenant with a model that is called complaints."""
    key = server.new_key("complaints-office")
    deployed(server, server.stubs(key), "complaints")
    return Access(endpoint=server.endpoint, tenant="complaints-office", key=key)
