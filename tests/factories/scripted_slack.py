"""A Web API with scripted answers that records its calls."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = dict[str, Any] | Callable[[web.Request], Any]


@dataclass
class ScriptedSlack:
    """A Web API whose methods answer `{"ok": true, "ts": ...}` unless `script` has other answers for them, in order."""

    url: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    script: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    posted: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def of(self, method: str) -> list[dict[str, Any]]:
        """Return the arguments of a method's calls."""
        return [arguments for name, arguments in self.calls if name == method]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.content_type == "application/json":
            arguments = await request.json()
        else:
            arguments = dict(request.query) or dict(await request.post())
        self.calls.append((method, arguments))
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.script[method]:
            answer = self.script[method].popleft()
            if callable(answer):
                result = answer(request)
                return await result if hasattr(result, "__await__") else result
            return web.json_response(answer)
        return web.json_response(self.accept(method, arguments))

    def accept(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer as Slack would."""
        if method == "chat.postMessage":
            ts = f"1700000000.{len(self.posted):06d}"
            self.posted.append({**arguments, "ts": ts})
            return {"ok": True, "ts": ts, "channel": arguments["channel"]}
        if method in ("conversations.history", "conversations.replies"):
            there = [message for message in self.posted if message["channel"] == arguments["channel"]]
            return {"ok": True, "messages": there}
        return {"ok": True}

    def accept_and_cut(self, request: web.Request) -> Any:
        """Post the message, then cut the connection."""
        method, arguments = self.calls[-1]
        self.accept(method, arguments)
        assert request.transport is not None
        request.transport.close()
        return web.Response()


def status(code: int, body: str = "<html>", **headers: str) -> Callable[[web.Request], web.Response]:
    """Return an answer with a status other than 200."""
    return lambda _: web.Response(status=code, text=body, content_type="text/html", headers=headers)


def slow_down(retry_after: str | None) -> Callable[[web.Request], web.Response]:
    """Return a 429 answer, with or without Retry-After."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    body = json.dumps({"ok": False, "error": "ratelimited"})
    return lambda _: web.Response(status=429, text=body, content_type="application/json", headers=headers)


@asynccontextmanager
async def scripted_slack() -> AsyncIterator[ScriptedSlack]:
    """Start a scripted Slack on a free port."""
    slack = ScriptedSlack()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", slack.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    try:
        yield slack
    finally:
        await runner.cleanup()
