"""The fake's server on loopback, for the Web API, Socket Mode, uploads and response URLs."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from foreword_slack.clock import ScaledClock
from foreword_slack.testing import oauth
from foreword_slack.testing.app import App
from foreword_slack.testing.backend import Backend
from foreword_slack.testing.conversations import Conversations
from foreword_slack.testing.delivery import Courier, Transport
from foreword_slack.testing.faults import FaultPlan
from foreword_slack.testing.http_delivery import HttpAnswer, HttpDelivery
from foreword_slack.testing.limits import Limits
from foreword_slack.testing.person import Person
from foreword_slack.testing.socket_mode import SocketMode
from foreword_slack.testing.web_api import WebApi, files, response_urls
from foreword_slack.testing.workspace import Workspace

_MAX_UPLOADED_BYTES = 32 * 1024 * 1024


class FakeSlack:
    """A fake Slack on loopback.

    It serves inside `async with`, on the current event loop.

    Args:
        speed: Seconds of Slack's clock per second of real time.
        clock: Slack's clock, if it is shared with the app. Default: a new one with this speed.
        app: The app under test.
        limits: Slack's limits.
        faults: The faults to simulate. Default: none.
        port: Port to listen on; 0 takes a free port.

    Attributes:
        sockets: Slack's end of Socket Mode, which can simulate faults.
        http: Slack's end of HTTP, which can send invalid requests.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        clock: ScaledClock | None = None,
        app: App | None = None,
        limits: Limits | None = None,
        faults: FaultPlan | None = None,
        port: int = 0,
    ) -> None:
        self.clock = clock or ScaledClock(speed)
        self.app = app or App()
        self.faults = faults or FaultPlan()
        self.limits = limits or Limits()
        self._backend = Backend(app=self.app, clock=self.clock, limits=self.limits, faults=self.faults)
        self._courier = Courier(self._backend, self._transport)
        self._conversations = Conversations(self._backend, self._courier)
        self.journal = self._backend.journal
        self.sockets = SocketMode(self._backend)
        self.http = HttpDelivery(self._backend)
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        """The base URL for `AsyncWebClient(base_url=...)`."""
        return f"{self._backend.base_url}/api/"

    @property
    def idle(self) -> bool:
        """True if every event has been acknowledged or given up."""
        return self._courier.idle

    def time(self) -> float:
        """Return the time of Slack's clock, in seconds since the epoch."""
        return self._backend.time()

    def add_team(self, name: str = "Acme") -> Workspace:
        """Add a workspace in which the app is installed."""
        return Workspace(
            self._backend.add_team(name),
            backend=self._backend,
            conversations=self._conversations,
            courier=self._courier,
        )

    async def install(
        self, workspace: Workspace, person: Person, install_url: str, *, consents: bool = True
    ) -> HttpAnswer:
        """Install the app through its install page; see :func:`foreword_slack.testing.oauth.install`."""
        return await oauth.install(self._backend, workspace, person, install_url, consents=consents)

    def issue_oauth_code(
        self, workspace: Workspace, person: Person, *, redirect_uri: str, scopes: tuple[str, ...]
    ) -> str:
        """Issue a code like the one that Slack sends to the redirect URL after a person allows an installation."""
        return self._backend.tokens.issue_code(workspace.id, person.id, redirect_uri=redirect_uri, scopes=scopes)

    async def wait_for(self, condition: Callable[[], object], what: str = "it", *, wall_seconds: float = 120.0) -> None:
        """Wait until a condition holds; it is checked after each call, delivery and post, and often.

        Raises:
            TimeoutError: It does not hold in time.
        """
        await self.journal.wait_for(lambda: bool(condition()), what=what, wall_seconds=wall_seconds)

    async def settle(self, *, wall_seconds: float = 120.0) -> None:
        """Wait until every event has been acknowledged or given up."""
        await self.wait_for(lambda: self.idle, "the end of all deliveries", wall_seconds=wall_seconds)

    async def start(self) -> Self:
        """Start to listen."""
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self._backend.base_url = f"http://127.0.0.1:{port}"
        return self

    async def stop(self) -> None:
        """Close all connections and stop listening."""
        await self._courier.close()
        await self.sockets.close()
        await self.http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _transport(self) -> Transport:
        return self.http if self.app.request_url else self.sockets

    def _application(self) -> web.Application:
        api = WebApi(self._backend, self._conversations, self.sockets)

        async def upload(request: web.Request) -> web.Response:
            return await files.receive(self._backend, request)

        async def respond(request: web.Request) -> web.Response:
            return await response_urls.respond(self._backend, self._conversations, request)

        application = web.Application(client_max_size=_MAX_UPLOADED_BYTES)
        application.router.add_route("*", "/api/{method}", api.handle)
        application.router.add_get("/link/", self.sockets.connect)
        application.router.add_post("/upload/v1/{team}/{file}", upload)
        application.router.add_post("/actions/{id:.+}", respond)
        return application
