"""HTTP in front of the shared server."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from factories.http import RunningHttp, running_http
from factories.servers import RunningServer


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[RunningHttp]:
    with running_http(server) as running:
        yield running


@pytest.fixture
def ai(http: RunningHttp) -> Iterator[openai.OpenAI]:
    """The official client with the key of the tenant dev."""
    with http.client() as client:
        yield client
