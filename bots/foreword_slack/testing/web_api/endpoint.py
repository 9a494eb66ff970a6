"""The endpoint of the Web API, which authenticates calls, limits their rate, applies faults and records outcomes."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from aiohttp import web

from foreword_slack.testing.backend import Backend
from foreword_slack.testing.conversations import Conversations
from foreword_slack.testing.errors import RateLimitedError, SlackError
from foreword_slack.testing.faults import CallFault, RetryAfter
from foreword_slack.testing.journal import Call as CallRecord
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.socket_mode import SocketMode
from foreword_slack.testing.web_api import apps, channels, chat, files, users, views
from foreword_slack.testing.web_api.method import Call, Method, missing_scope

METHODS: dict[str, Method] = {
    **apps.METHODS,
    **channels.METHODS,
    **chat.METHODS,
    **files.METHODS,
    **users.METHODS,
    **views.METHODS,
}

_HTML = (
    "<!DOCTYPE html><html><head><title>Slack</title></head><body><h1>{status}</h1>Something went wrong.</body></html>"
)
_LIMITED_METHODS = ("conversations.history", "conversations.replies")
"""See https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps."""
_PLANNED_RETRY_AFTER_SECONDS = 2.0


class WebApi:
    """The handler of `/api/{method}`."""

    def __init__(self, backend: Backend, conversations: Conversations, sockets: SocketMode) -> None:
        self._backend = backend
        self._conversations = conversations
        self._sockets = sockets

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle a call."""
        name = request.match_info["method"]
        token, arguments = await _parse(request)
        team_id = ""
        try:
            fault = self._backend.faults.draw_call(name, arguments)
            if fault is not None and not fault.takes_effect:
                self._record(name, "", fault.value, arguments)
                return await self._fail(request, fault)
            method = METHODS.get(name)
            if method is None:
                raise SlackError("unknown_method", req_method=name)
            call = self._admit(name, method, token, arguments)
            team_id = call.workspace.id if call.workspace else ""
            answer = {"ok": True, **method.handler(call)}
        except SlackError as error:
            self._record(name, team_id, error.code, arguments)
            if isinstance(error, RateLimitedError):
                return self._too_many(error.retry_after_seconds)
            return web.json_response({"ok": False, "error": error.code, **error.fields})
        self._record(name, team_id, fault.value if fault else "ok", arguments)
        if fault is not None:
            return await self._fail(request, fault)
        headers = {"x-oauth-scopes": ",".join(call.scopes), "x-accepted-oauth-scopes": ",".join(method.scopes)}
        return web.json_response(answer, headers=headers)

    def _admit(self, name: str, method: Method, token: str, arguments: dict[str, Any]) -> Call:
        """Check the token, the rate and the scopes of a call."""
        backend = self._backend
        call = Call(backend=backend, conversations=self._conversations, sockets=self._sockets, arguments=arguments)
        if method.token == "none":  # noqa: S105 - a kind
            backend.rates.take_call("", name, method.tier)
            return call
        if not token:
            raise SlackError("not_authed")
        if method.token == "app":  # noqa: S105 - a kind
            if token != backend.app.app_token:
                raise SlackError("not_allowed_token_type" if token.startswith("xox") else "invalid_auth")
            backend.rates.take_call("", name, method.tier)
            return call
        found = backend.tokens.authenticate(token)
        is_limited = backend.app.is_distributed and name in _LIMITED_METHODS
        backend.rates.take_call(found.team_id, name, Tier.TIER_1 if is_limited else method.tier)
        if not set(method.scopes) <= set(found.scopes):
            raise missing_scope(method.scopes, found.scopes)
        return Call(
            backend=backend,
            conversations=self._conversations,
            sockets=self._sockets,
            arguments=arguments,
            scopes=found.scopes,
            workspace=backend.teams[found.team_id],
        )

    async def _fail(self, request: web.Request, fault: CallFault) -> web.StreamResponse:
        """Return the response for a fault."""
        if fault is CallFault.RATE_LIMITED:
            return self._too_many(_PLANNED_RETRY_AFTER_SECONDS)
        if fault in (CallFault.INTERNAL_ERROR, CallFault.INTERNAL_ERROR_AFTER):
            return web.json_response({"ok": False, "error": "internal_error"})
        if fault is CallFault.FATAL_ERROR:
            return web.json_response({"ok": False, "error": "fatal_error"})
        if fault in (CallFault.HTML_500, CallFault.HTML_503):
            status = 500 if fault is CallFault.HTML_500 else 503
            return web.Response(status=status, text=_HTML.format(status=status), content_type="text/html")
        if fault is CallFault.NOT_JSON:
            return web.Response(text='{"ok": tru', content_type="application/json")
        if fault in (CallFault.HANG, CallFault.HANG_AFTER):
            await self._backend.clock.sleep(self._backend.limits.hang_seconds)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _too_many(self, seconds: float) -> web.Response:
        values = {RetryAfter.SECONDS: str(max(1, math.ceil(seconds))), RetryAfter.ZERO: "0"}
        value = values.get(self._backend.faults.retry_after)
        headers = {} if value is None else {"Retry-After": value}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)

    def _record(self, method: str, team_id: str, outcome: str, arguments: dict[str, Any]) -> None:
        self._backend.journal.add_call(
            CallRecord(at=self._backend.time(), team_id=team_id, method=method, outcome=outcome, arguments=arguments)
        )


async def _parse(request: web.Request) -> tuple[str, dict[str, Any]]:
    """Read the token and the arguments from the query, the form or JSON body, and the headers."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            content = json.loads(await request.read() or b"{}")
        except ValueError:
            content = {}
        arguments |= content if isinstance(content, dict) else {}
    else:
        arguments |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    header = request.headers.get("Authorization", "")
    token = str(arguments.pop("token", ""))
    if header.startswith("Bearer "):
        token = header.removeprefix("Bearer ")
    elif header.startswith("Basic "):
        given = base64.b64decode(header.removeprefix("Basic ")).decode()
        arguments["client_id"], _, arguments["client_secret"] = given.partition(":")
    return token, arguments
