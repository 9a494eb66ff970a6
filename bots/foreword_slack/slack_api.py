"""Clients of Slack's Web API that share a connection pool; those that only read repeat failed calls."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient
from slack_sdk.webhook.webhook_response import WebhookResponse

from foreword.addresses import is_loopback
from foreword_slack.clock import Clock, SystemClock
from foreword_slack.patience import PatientRetryHandler

_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")

# slack_sdk logs whole requests at DEBUG. Complaints must not appear in the log, whatever its level.
_sdk_log = logging.getLogger("foreword_slack.slack_sdk")
_sdk_log.setLevel(logging.WARNING)


class SlackApi:
    """A factory of clients of the Web API.

    Clients that write do not use the SDK's retries: it would repeat a post after a connection error, and sleep on a
    rate limit. Create the factory on the event loop that uses it.

    Args:
        base_url: Base URL of the API, such as that of GovSlack or of the fake Slack.
        timeout_seconds: Timeout of a call, in addition to any other limit.
        clock: Clock of the waits between repeated calls. Default: the system clock.
        on_wait: Called with a sentence before each of these waits.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float = 30.0,
        clock: Clock | None = None,
        on_wait: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.base_url = base_url
        # One for all clients: it keeps its state in the request.
        self._patience = PatientRetryHandler(clock or SystemClock(), Random(), on_wait)  # noqa: S311 - jitter
        # A client with a session uses the session's timeout.
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_seconds))

    def client(self, token: str | None = None) -> AsyncWebClient:
        """Return a client with a token, or without one for methods that take it as an argument."""
        client = AsyncWebClient(
            token=token, base_url=self.base_url, session=self._session, retry_handlers=[], logger=_sdk_log
        )
        set_proxy(client)
        return client

    def reader(self, token: str | None = None) -> AsyncWebClient:
        """Return a client for methods without effects, whose calls are repeated while Slack limits or fails them."""
        client = self.client(token)
        client.retry_handlers.append(self._patience)
        return client

    async def connect(self, url: str, *, patience: aiohttp.ClientWSTimeout) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket whose pings the caller answers.

        Raises:
            aiohttp.ClientError: It cannot be opened.
        """
        return await self._session.ws_connect(url, autoping=False, timeout=patience, proxy=find_proxy(url))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def set_proxy(client: AsyncWebClient) -> None:
    """Set the proxy of a client; the SDK would use the environment's even for loopback addresses."""
    client.proxy = find_proxy(client.base_url)


async def answer_privately(
    response_url: str, content: Mapping[str, Any], *, session: aiohttp.ClientSession | None = None
) -> WebhookResponse:
    """Answer a command or an interaction with a message that only its person sees.

    Args:
        response_url: URL from the payload; it accepts five answers within half an hour.
        content: Text and blocks of the message.
        session: Connections to use. Default: new ones.

    Raises:
        aiohttp.ClientError: Slack cannot be reached.
    """
    webhook = AsyncWebhookClient(response_url, session=session, retry_handlers=[], logger=_sdk_log)
    webhook.proxy = find_proxy(response_url)  # without one, the SDK takes that of the environment
    return await webhook.send_dict({**content, "response_type": "ephemeral", "replace_original": False})


def find_proxy(url: str) -> str | None:
    """Return the environment's proxy for a URL, or None for a direct connection.

    Reads the same variables as slack_sdk, in the same order. Loopback and the hosts in `no_proxy` are reached directly.
    """
    host = urlsplit(url).hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    return next((value.strip() for name in _PROXY_VARIABLES if (value := os.environ.get(name, "")).strip()), None)


def without_password(proxy: str) -> str:
    """Return a proxy's URL without user and password, for messages."""
    scheme, separator, rest = proxy.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else proxy.rpartition("@")[2]
