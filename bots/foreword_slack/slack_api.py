"""Slack's Web API: one connection pool, and clients that never try again by themselves."""

from __future__ import annotations

import logging
import os
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from foreword.addresses import is_loopback

SLACK_URL = "https://slack.com/api/"

_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")

# slack_sdk logs whole requests at DEBUG: complaints must not get into a log that somebody turned up.
_sdk_log = logging.getLogger("foreword_slack.slack_sdk")
_sdk_log.setLevel(logging.WARNING)


class SlackApi:
    """Makes clients of the Web API.

    The SDK's own retries are off: it repeats a post after a connection error, and sleeps where it is told to slow
    down. Must be made on the event loop that it is used on.

    Args:
        base_url: Where the API is; another one than Slack's for tests.
        timeout_seconds: After how long a call without an answer is cut off, whatever else bounds it.
    """

    def __init__(self, base_url: str = SLACK_URL, *, timeout_seconds: float = 30.0) -> None:
        self.base_url = base_url
        # A client that is given a session leaves the timeout to it.
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_seconds))

    def client(self, token: str | None = None) -> AsyncWebClient:
        """A client with a token, or with none for the methods that take theirs as an argument."""
        client = AsyncWebClient(
            token=token, base_url=self.base_url, session=self._session, retry_handlers=[], logger=_sdk_log
        )
        set_proxy(client)
        return client

    async def connect(self, url: str, *, patience: aiohttp.ClientWSTimeout) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket whose pings the caller answers.

        Raises:
            aiohttp.ClientError: It cannot be opened.
        """
        return await self._session.ws_connect(url, autoping=False, timeout=patience, proxy=find_proxy(url))

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()


def set_proxy(client: AsyncWebClient) -> None:
    """Set the proxy of a client; the SDK would send even loopback through the environment's."""
    client.proxy = find_proxy(client.base_url)


async def answer_privately(response_url: str, text: str) -> None:
    """Answer an interaction with a message that only its person sees."""
    webhook = AsyncWebhookClient(response_url, retry_handlers=[], logger=_sdk_log)
    webhook.proxy = find_proxy(response_url)
    await webhook.send(text=text, response_type="ephemeral", replace_original=False)


def find_proxy(url: str) -> str | None:
    """Return the environment's proxy for a URL of Slack, or None if it is reached directly.

    The variables are those that slack_sdk reads, in its order. Loopback and the hosts in `no_proxy` need none.
    """
    host = urlsplit(url).hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    return next((value.strip() for name in _PROXY_VARIABLES if (value := os.environ.get(name, "")).strip()), None)


def without_password(proxy: str) -> str:
    """Return a proxy's URL without user and password, for messages."""
    scheme, separator, rest = proxy.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else proxy.rpartition("@")[2]
