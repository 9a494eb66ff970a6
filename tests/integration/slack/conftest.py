"""Every test that asks for a store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from factories.api import deployed
from factories.bots import Access
from factories.keyword_service import KeywordService
from factories.servers import RunningServer
from factories.slack import HandClock, empty_store_url
from foreword.sql.database import Database
from foreword_slack.store import Store
from foreword_slack.store.store import MIGRATIONS


@pytest.fixture(scope="session")
def slack_postgres_url(postgres_server_url: str) -> str:
    """A PostgreSQL database with the bot's tables."""
    server = make_url(postgres_server_url).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE slack"))
    engine.dispose()
    url = server.set(database="slack").render_as_string(hide_password=False)
    migrate(url)
    return url


@pytest.fixture(scope="session")
def migrated_slack_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the bot's tables, to copy."""
    path = tmp_path_factory.mktemp("slack") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has the bot's tables and no rows."""
    return empty_store_url(request, request.param, tmp_path)


def migrate(url: str) -> None:
    """Create the tables."""
    database = Database(url, migrations=MIGRATIONS, marker="slack_inbox")
    database.migrate()
    database.close()


@pytest.fixture
def clock() -> HandClock:
    """A clock that tests advance."""
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


@pytest.fixture
async def service() -> AsyncIterator[KeywordService]:
    """A service that answers by keyword, with the delays and errors that a test sets."""
    async with KeywordService() as running:
        yield running


@pytest.fixture
def keyword_access(service: KeywordService) -> Access:
    """Access to the service that answers by keyword."""
    return Access(endpoint=service.endpoint, tenant="dev", key="dev")
