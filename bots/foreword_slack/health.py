"""Health, readiness and metrics of the bot, on a separate port."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from aiohttp import web

from foreword.errors import UnavailableError
from foreword_slack.store import Store
from foreword_slack.store.post_queue import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The readiness to receive events, and the reason if the bot is not ready."""

    is_ready: bool
    reason: str = ""


class HealthServer:
    """A server of `/healthz`, `/readyz` and `/metrics` (Prometheus text format). It exposes nothing secret or personal.

    Args:
        ready: Returns whether events can be received.
        counts: Returns the counters, by name and outcome.
        host: Address to listen on.
        port: Port to listen on; 0 selects a free one.
    """

    def __init__(
        self,
        store: Store,
        *,
        ready: Callable[[], Readiness],
        counts: Callable[[], Mapping[str, Mapping[str, int]]],
        host: str = "127.0.0.1",
        port: int = 9466,
    ) -> None:
        self._store, self._ready, self._counts = store, ready, counts
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
        try:
            refusals = await self._store.survey(lambda operator: operator.posts.refusals())
        except UnavailableError:
            if readiness.is_ready:
                readiness = Readiness(is_ready=False, reason="the store cannot be reached")
        status = {
            "status": "ready" if readiness.is_ready else "not ready",
            "reason": readiness.reason,
            # Does not affect readiness: Slack would refuse another bot as well. A person must open the channel.
            "refused": [asdict(refusal) for refusal in refusals],
        }
        return web.json_response(status, status=200 if readiness.is_ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        lines = [line for name, counts in sorted(self._counts().items()) for line in _counter(name, counts)]
        overview = await self._store.survey(lambda operator: operator.overview())
        lines += _gauge(
            "inbox_overdue_events",
            "Events that should have been handled by now.",
            [({"team": team.team}, team.inbox.overdue) for team in overview.teams],
        )
        lines += _gauge(
            "outbox_calls",
            "Calls to Slack by state.",
            [
                ({"team": team.team, "state": state.value}, count)
                for team in overview.teams
                for state, count in team.posts.items()
            ],
        )
        lines += _gauge(
            "outbox_parked_calls",
            "Calls that wait until the bot is installed again.",
            [({"team": team.team}, team.parked) for team in overview.teams],
        )
        return web.Response(text="\n".join([*lines, ""]), content_type="text/plain", charset="utf-8")


def _counter(name: str, counts: Mapping[str, int]) -> list[str]:
    full = f"foreword_slack_{name}_total"
    samples = [f'{full}{{outcome="{outcome}"}} {count}' for outcome, count in sorted(counts.items())]
    return [f"# TYPE {full} counter", *samples]


def _gauge(name: str, help: str, samples: Sequence[tuple[Mapping[str, str], int]]) -> list[str]:
    full = f"foreword_slack_{name}"
    shown = []
    for labels, number in samples:
        inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
        shown.append(f"{full}{{{inside}}} {number}")
    return [f"# HELP {full} {help}", f"# TYPE {full} gauge", *shown]
