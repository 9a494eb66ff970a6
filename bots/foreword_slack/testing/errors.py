"""Errors as Slack's Web API tells them."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """A call that Slack refuses: `{"ok": false, "error": code, ...}` with status 200.

    Args:
        code: Slack's error code.
        fields: What else the answer holds.
    """

    def __init__(self, code: str, **fields: Any) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


class RateLimitedError(SlackError):
    """A call that comes too early: status 429.

    Args:
        retry_after_seconds: When to come again.
    """

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__("ratelimited")
        self.retry_after_seconds = retry_after_seconds
