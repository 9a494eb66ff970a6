"""Deliveries over HTTP: signed requests to the app's request URL, and unusual ones from Slack or an attacker.

See https://docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from foreword_slack.testing.backend import Backend
from foreword_slack.testing.delivery import Outcome, Parcel

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """The answer of the app's server."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpDelivery:
    """Slack's end of HTTP: a transport that can also send invalid requests."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._session: aiohttp.ClientSession | None = None

    async def attempt(self, parcel: Parcel) -> Outcome:
        """Post a parcel to the request URL and wait for the acknowledgement."""
        body, content_type = _body(parcel)
        headers = self.sign(body) | {"Content-Type": content_type}
        if parcel.retry_number:
            headers |= {"X-Slack-Retry-Num": str(parcel.retry_number), "X-Slack-Retry-Reason": parcel.retry_reason}
        try:
            async with self._backend.clock.timeout(self._backend.limits.ack_seconds):
                answer = await self.post(body, headers)
        except TimeoutError:
            return Outcome(result="http_timeout")
        except aiohttp.ClientError:
            return Outcome(result="connection_failed")
        if not 200 <= answer.status < 300:
            return Outcome(result="http_error", refuses_retries=answer.headers.get("X-Slack-No-Retry") == "1")
        return Outcome(result="acked", answer=_answer_body(answer.body))

    async def post(self, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """Post any body with any headers to the request URL."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with self._session.post(
            self._backend.app.request_url, data=body, headers=headers, allow_redirects=False
        ) as response:
            return HttpAnswer(status=response.status, headers=response.headers, body=await response.read())

    def sign(self, body: bytes, *, age_seconds: float = 0.0, secret: str | None = None) -> dict[str, str]:
        """Return the headers that prove that a request comes from Slack.

        Args:
            body: Body of the request.
            age_seconds: Age of the timestamp; more than 300 is a replay.
            secret: Signing secret. Default: the app's.
        """
        timestamp = str(int(self._backend.time() - age_seconds))
        key = (secret or self._backend.app.signing_secret).encode()
        digest = hmac.new(key, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}

    async def verify_url(self) -> HttpAnswer:
        """Send the challenge with which Slack checks a new request URL."""
        content = {"token": self._backend.app.verification_token, "challenge": "3eZbrw1a", "type": "url_verification"}
        body = json.dumps(content).encode()
        return await self.post(body, self.sign(body) | {"Content-Type": _JSON})

    async def check_ssl(self) -> HttpAnswer:
        """Send the form with which Slack checks the certificate of a command's URL."""
        body = urllib.parse.urlencode({"ssl_check": "1", "token": self._backend.app.verification_token}).encode()
        return await self.post(body, self.sign(body) | {"Content-Type": _FORM})

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


def _body(parcel: Parcel) -> tuple[bytes, str]:
    if parcel.envelope_type == "events_api":
        return json.dumps(parcel.payload).encode(), _JSON
    if parcel.envelope_type == "slash_commands":
        return urllib.parse.urlencode(parcel.payload).encode(), _FORM
    return urllib.parse.urlencode({"payload": json.dumps(parcel.payload)}).encode(), _FORM


def _answer_body(body: bytes) -> dict[str, Any] | None:
    if not body:
        return None
    try:
        content = json.loads(body)
    except ValueError:
        return {"text": body.decode(errors="replace")}
    return content if isinstance(content, dict) else None
