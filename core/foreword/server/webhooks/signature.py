"""Signatures of events, according to https://www.standardwebhooks.com (version 1.0.0, symmetric)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of secrets


def signed_headers(id: str, payload: str, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
    """Return the headers with which a receiver verifies an event.

    Args:
        id: Id of the event, the same in every attempt.
        secrets: Each makes a signature, so that receivers may know either while a secret is replaced.
        now: Time of the attempt; receivers refuse old ones, which somebody may have recorded.
    """
    timestamp = str(int(now.timestamp()))
    content = f"{id}.{timestamp}.{payload}".encode()
    signatures = (base64.b64encode(hmac.digest(_key(secret), content, "sha256")).decode() for secret in secrets)
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))
