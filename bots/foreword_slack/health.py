"""Health, readiness and metrics of the bot, on a separate port."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from foreword.errors import UnavailableError
from foreword_slack.store import InstallationState, Operator, Overview, Store
from foreword_slack.store.post_queue import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The readiness to receive events, and the reason if the bot is not ready."""

    is_ready: bool
    reason: str = ""


class HealthServer:
    """A server of `/healthz`, `/readyz` and `/metrics` (Prometheus text format). It exposes nothing secret or personal.

    Args:
        teams: The configured workspaces.
        ready: Returns whether events can be received.
        metrics: Returns the metrics in Prometheus's text format, of the state of the store; None if it is unavailable.
        host: Address to listen on.
        port: Port to listen on; 0 selects a free one.
    """

    def __init__(
        self,
        store: Store,
        *,
        teams: Collection[str] = (),
        ready: Callable[[], Readiness],
        metrics: Callable[[Overview | None], str],
        host: str = "127.0.0.1",
        port: int = 9466,
    ) -> None:
        self._store, self._teams, self._ready, self._render = store, teams, ready, metrics
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._port

    async def start(self) -> None:
        """Start to listen.

        Raises:
            OSError: The address is in use.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._is_ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _alive(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _is_ready(self, request: web.Request) -> web.Response:
        readiness = self._ready()
        refusals: list[Refusal] = []
        down: dict[str, str] = {}
        try:
            refusals, down = await self._store.survey(self._troubles)
        except UnavailableError:
            if readiness.is_ready:
                readiness = Readiness(is_ready=False, reason="the store cannot be reached")
        if readiness.is_ready and self._teams and down.keys() >= set(self._teams):
            # One workspace of several must not take the others' bot out of service.
            readiness = Readiness(is_ready=False, reason="Slack accepts the token of no workspace")
        status = {
            "status": "ready" if readiness.is_ready else "not ready",
            "reason": readiness.reason,
            "down": down,
            # Does not affect readiness: Slack would refuse another bot as well. A person must open the channel.
            "refused": [asdict(refusal) for refusal in refusals],
        }
        return web.json_response(status, status=200 if readiness.is_ready else 503)

    def _troubles(self, operator: Operator) -> tuple[list[Refusal], dict[str, str]]:
        return operator.posts.refusals(), self._down(operator)

    def _down(self, operator: Operator) -> dict[str, str]:
        """Return why Slack cannot be called in configured workspaces, by id."""
        found = {workspace.team: workspace for workspace in operator.workspaces.all()}
        states = {team: found.get(team) for team in self._teams}
        return {
            team: "not_installed" if workspace is None else workspace.reason or workspace.state.value
            for team, workspace in states.items()
            if workspace is None or workspace.state is not InstallationState.ACTIVE
        }

    async def _metrics(self, request: web.Request) -> web.Response:
        overview: Overview | None = None
        with contextlib.suppress(UnavailableError):  # the store has logged the cause once
            overview = await self._store.survey(lambda operator: operator.overview())
        return web.Response(text=self._render(overview), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
