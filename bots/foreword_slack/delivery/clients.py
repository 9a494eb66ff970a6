"""The source of clients with the tokens of workspaces."""

from __future__ import annotations

from typing import Protocol

from slack_sdk.web.async_client import AsyncWebClient


class TokenNotRenewedError(Exception):
    """Raised if an expired token could not be renewed, but may be later.

    Args:
        seconds: Time until another attempt.
        reason: Slack's error code, or the failure of the connection.
    """

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds, self.reason = seconds, reason


class Clients(Protocol):
    """A source of clients for workspaces."""

    async def client(self, team: str) -> AsyncWebClient | None:
        """Return a client with the workspace's token; None if the bot is not installed there or its token is invalid.

        Raises:
            FailedPreconditionError: The token cannot be decrypted.
            TokenNotRenewedError: The token has expired, and could not be renewed now.
        """
        ...

    async def renew(self, team: str) -> bool:
        """Renew an expired token; return False if it can never be renewed.

        Raises:
            TokenNotRenewedError: It could not be renewed now.
        """
        ...
