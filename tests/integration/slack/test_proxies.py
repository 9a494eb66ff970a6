"""A proxy of the environment is used for Slack, but not for this machine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from factories.bots import running_office
from foreword_slack.check import check_workspace
from foreword_slack.slack_api import SlackApi, find_proxy, without_password
from foreword_slack.views import complaint as view

VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
UNSURE = {"thresholds": {"probability": 1.0, "margin": 0.0}}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in (*VARIABLES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def refusing_proxy(monkeypatch):
    """A proxy of the environment that refuses all requests, and records them."""
    asked = []

    async def refuse(reader, writer):
        asked.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:secret@127.0.0.1:{port}")
        yield asked, f"http://127.0.0.1:{port}"


async def test_slack_is_called_through_the_proxy_and_an_error_names_it(monkeypatch, access, tmp_path):
    async with refusing_proxy(monkeypatch) as (asked, address), running_office(access, tmp_path) as office:
        api = SlackApi("https://slack.invalid/api/")

        (fault,) = await check_workspace(office.bot.config.teams[0], api.client("xoxb-1"))
        await api.close()

        assert asked == ["CONNECT slack.invalid:443 HTTP/1.1"]
        assert f"cannot be reached through the proxy {address} (" in str(fault)


async def test_sockets_are_opened_through_the_proxy(monkeypatch):
    async with refusing_proxy(monkeypatch) as (asked, _):
        api = SlackApi("https://slack.com/api/")

        with pytest.raises(aiohttp.ClientHttpProxyError):
            await api.connect("wss://wss.slack.invalid/link", patience=aiohttp.ClientWSTimeout())

        await api.close()
    assert asked == ["CONNECT wss.slack.invalid:443 HTTP/1.1"]


async def test_a_slack_on_this_machine_needs_no_proxy_for_calls_and_answers(monkeypatch, access, tmp_path):
    for name in VARIABLES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with running_office(access, tmp_path, **UNSURE) as office:
        office.ann.post(office.complaints, "Two screws are missing from the box.")
        (asked,) = await office.asked()
        await office.bob.choose(asked, view.CHOOSE)
        await office.bob.click(asked, view.DECIDE)

        await office.slack.wait_for(lambda: office.bob.ephemerals(office.review))


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "http://gate:1", "http_proxy": "http://other:2"}, "https://slack.com/api/", "http://gate:1"),
        ({"http_proxy": "http://other:2"}, "wss://wss.slack.com/", "http://other:2"),
        ({"HTTPS_PROXY": "http://gate:1", "no_proxy": "slack.com"}, "https://slack.com/api/", None),
        ({"HTTPS_PROXY": " "}, "https://slack.com/api/", None),
        ({"HTTPS_PROXY": "http://gate:1"}, "http://localhost:3000/api/", None),
        ({"HTTPS_PROXY": "http://gate:1"}, "ws://[::1]:3000/", None),
    ],
)
def test_the_proxy_is_that_of_slacks_own_sdk_except_for_this_machine(monkeypatch, variables, url, proxy):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert find_proxy(url) == proxy


def test_a_password_is_not_shown():
    assert without_password("http://somebody:secret@gate:3128") == "http://gate:3128"
    assert without_password("somebody:secret@gate:3128") == "gate:3128"
