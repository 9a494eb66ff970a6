"""Signed requests: an aiohttp server in front of Bolt that accepts requests only from Slack."""

from __future__ import annotations

from collections import Counter

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow

from foreword.observability.logging import get_logger
from foreword_slack.clock import Clock
from foreword_slack.transport.intake import Intake
from foreword_slack.transport.request_body import parse_body
from foreword_slack.transport.signature import is_from_slack

_log = get_logger(__name__)

EVENTS_PATH = "/slack/events"
INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"

_MAX_BODY_BYTES = 2 * 2**20


class HttpServer:
    """A server for events, interactions and slash commands, all on `/slack/events`, and for installations.

    A proxy in front of it must terminate TLS.

    Args:
        signing_secret: The app's signing secret, which verifies that a request comes from Slack.
        oauth: OAuth flow to install the bot. Default: installation is disabled.
        host: Address to listen on.
        port: Port to listen on; 0 selects a free one.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        *,
        signing_secret: str,
        oauth: AsyncOAuthFlow | None = None,
        host: str = "127.0.0.1",
        port: int = 3000,
    ) -> None:
        self._intake, self._clock, self._secret, self._oauth = intake, clock, signing_secret, oauth
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self.counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Start to listen.

        Raises:
            OSError: The address is in use.
        """
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_post(EVENTS_PATH, self._events)
        app.router.add_get("/healthz", self._alive)
        if self._oauth is not None:
            app.router.add_get(INSTALL_PATH, self._install)
            app.router.add_get(REDIRECT_PATH, self._redirect)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        _log.info("http_listening", host=self._host, port=self._port)

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._port

    async def stop(self) -> None:
        """Stop listening, answer the requests in progress, then close the connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _events(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(400, "too_large")
        if request.content_type == "application/x-www-form-urlencoded" and body.startswith(b"ssl_check=1&"):
            return web.Response()  # Slack only checks the certificate, without a signature
        if not is_from_slack(self._secret, request.headers, body, self._clock.now()):
            return self._refuse(401, "signature")
        try:
            payload = parse_body(body, request.content_type)
        except ValueError as error:
            return self._refuse(400, str(error))
        if payload.get("type") == "url_verification":
            return web.json_response({"challenge": str(payload.get("challenge", ""))})
        headers = {name: value for name, value in request.headers.items() if name.lower().startswith("x-slack-retry")}
        answer = await self._intake.dispatch(payload, headers)
        if answer.status == 400:
            return self._refuse(400, "the payload does not have the documented format")
        if answer.payload is None:
            return web.Response(status=answer.status)
        return web.json_response(answer.payload, status=answer.status)

    def _refuse(self, status: int, reason: str) -> web.Response:
        self.counts["refused"] += 1
        _log.warning("request_refused", status=status, reason=reason)
        return web.Response(status=status, text=reason, headers={"X-Slack-No-Retry": "1"})

    async def _alive(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _install(self, request: web.Request) -> web.Response:
        assert self._oauth is not None
        return await to_aiohttp_response(await self._oauth.handle_installation(await to_bolt_request(request)))

    async def _redirect(self, request: web.Request) -> web.Response:
        assert self._oauth is not None
        return await to_aiohttp_response(await self._oauth.handle_callback(await to_bolt_request(request)))
