"""A machine whose environment names a proxy, as companies have it for pip."""

import asyncio

import pytest

from foreword.cli.application import run
from foreword.client import AsyncClient, Client
from foreword.errors import UnavailableError

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def dead_proxy(monkeypatch):
    for name in ("grpc_proxy", "https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, NOBODY)
    for name in ("no_grpc_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_both_clients_reach_a_service_on_loopback(server):
    async def ask():
        async with AsyncClient(server.endpoint, "dev") as client:
            return await client.who_am_i()

    with Client(server.endpoint, "dev") as client:
        assert client.who_am_i().tenant == asyncio.run(ask()).tenant == "tenants/dev"


def test_a_command_reaches_a_service_on_loopback(server, capsys):
    assert run(["whoami", "--endpoint", server.endpoint, "--api-key", "dev"]) == 0
    assert "tenants/dev" in capsys.readouterr().out


def test_an_error_names_the_proxy_that_the_service_was_not_reached_through(capsys):
    with (
        Client("http://foreword.invalid", "dev", retry_seconds=0.0) as client,
        pytest.raises(UnavailableError, match=f"foreword.invalid:50051.*through the proxy grpc_proxy={NOBODY}"),
    ):
        client.who_am_i()
    assert run(["whoami", "--endpoint", "foreword.invalid", "--api-key", "dev"]) == 1
    stderr = capsys.readouterr().err
    assert f"proxy grpc_proxy={NOBODY}" in stderr
    assert "Add foreword.invalid to no_proxy" in stderr
