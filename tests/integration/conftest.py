"""Servers for integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from factories.postgres import running_postgres
from factories.servers import RunningServer, ServerFactory, running_servers


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    """Starts a real server in this process: `start_server(**settings)`; all of them end with the test run."""
    with running_servers(tmp_path_factory.mktemp("servers")) as factory:
        yield factory


@pytest.fixture(scope="session")
def server(start_server: ServerFactory) -> RunningServer:
    """One server for the tests that leave it as it was, or work in a tenant of their own."""
    return start_server()


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """A PostgreSQL server of the tests' own, by the URL of its first database; others can be made beside it."""
    with running_postgres() as url:
        yield url
