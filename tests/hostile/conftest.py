"""Servers that hostile tests attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from factories.servers import RunningServer, ServerFactory, running_servers


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    """A function that starts a real server in this process: `start_server(**settings)`."""
    with running_servers(tmp_path_factory.mktemp("servers")) as factory:
        yield factory


@pytest.fixture(scope="module")
def server(start_server: ServerFactory) -> RunningServer:
    """A server for the tests of one module."""
    return start_server()
