"""Whether a request is Slack's. See https://docs.slack.dev/authentication/verifying-requests-from-slack."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

WINDOW_SECONDS = 300


def is_from_slack(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether a request carries a fresh timestamp and the signature that belongs to it.

    Bolt's own check raises on a timestamp that is no number and on a signature that is not ASCII; this one says no.

    Args:
        secret: The app's signing secret.
        headers: The request's; names in any case.
        now: The time, in aware UTC.
    """
    timestamp = headers.get("X-Slack-Request-Timestamp", "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    if abs(now.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        return False
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    signature = headers.get("X-Slack-Signature", "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(f"v0={digest}".encode(), signature)
