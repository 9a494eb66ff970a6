"""Slack's Web API: one connection pool, and clients that never try again by themselves."""

from __future__ import annotations

import logging

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

SLACK_URL = "https://slack.com/api/"

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
        if self.base_url.startswith("http://"):
            client.proxy = None  # the SDK would send even loopback through the environment's proxy
        return client

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connection pool."""
        return self._session

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()
