"""A tenant of HTTP that uploads and tunes."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from factories.http import RunningHttp
from factories.openai_files import prompt_file, upload
from factories.servers import RunningServer
from foreword.client import Client


@pytest.fixture(scope="module")
def tenant(server: RunningServer) -> str:
    """The key of a tenant of this file."""
    return server.new_key("http-tuning")


@pytest.fixture
def ai(http: RunningHttp, tenant: str) -> Iterator[openai.OpenAI]:
    with http.client(tenant) as client:
        yield client


@pytest.fixture
def service(server: RunningServer, tenant: str) -> Iterator[Client]:
    with Client(server.endpoint, tenant) as client:
        yield client


@pytest.fixture(scope="module")
def stored(http: RunningHttp, tenant: str) -> str:
    with http.client(tenant) as ai:
        return upload(ai, prompt_file()).id
