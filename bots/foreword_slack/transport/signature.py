"""Verification of requests. See https://docs.slack.dev/authentication/verifying-requests-from-slack."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

WINDOW_SECONDS = 300


def is_from_slack(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Return whether a request has a recent timestamp and a valid signature.

    Bolt's own check raises for a timestamp that is not a number and for a signature that is not ASCII.

    Args:
        secret: The app's signing secret.
        headers: The request's headers; names in any case.
        now: The time as an aware datetime.
    """
    timestamp = headers.get("X-Slack-Request-Timestamp", "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    if abs(now.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        return False
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    signature = headers.get("X-Slack-Signature", "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(f"v0={digest}".encode(), signature)
