"""Servers for integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from factories.postgres import running_postgres
from factories.servers import RunningServer, ServerFactory, running_servers


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    """A function that starts a real server in this process: `start_server(**settings)`.

    The servers end with the tests of the file: forty idle ones would take half of a processor from later tests.
    """
    with running_servers(tmp_path_factory.mktemp("servers")) as factory:
        yield factory


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A shared server for tests that do not change it, or use their own tenant."""
    with running_servers(tmp_path_factory.mktemp("server")) as factory:
        yield factory()


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The URL of the first database of a PostgreSQL server for tests. Tests can create others."""
    with running_postgres() as url:
        yield url
