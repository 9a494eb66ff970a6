"""Errors of Slack's Web API."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """A call refused by Slack: `{"ok": false, "error": code, ...}` with status 200.

    Args:
        code: Slack's error code.
        fields: Other fields of the answer.
    """

    def __init__(self, code: str, **fields: Any) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class RateLimitedError(SlackError):
    """A call above the rate limit: status 429.

    Args:
        retry_after_seconds: Time until the call may be repeated.
    """

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__("ratelimited")
        self.retry_after_seconds = retry_after_seconds
