"""Scenarios run against the real service: server and worker as processes, the embedded model, gRPC over loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foreword.cli.demo.service import LocalService
from foreword.client import Client


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A service, also over HTTP, for the scenarios that do not change it."""
    environment = {"FOREWORD_HTTP": "true", "FOREWORD_HTTP_PORT": "0"}
    with LocalService(tmp_path_factory.mktemp("service"), environment=environment) as running:
        yield running


@pytest.fixture
def client(service: LocalService) -> Iterator[Client]:
    with service.client() as connected:
        yield connected
