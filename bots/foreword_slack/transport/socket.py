"""Socket Mode: several connections, each replaced before it ends if possible."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from random import Random

import aiohttp
from slack_sdk.errors import SlackApiError

from foreword.backoff import Backoff
from foreword.errors import FailedPreconditionError
from foreword.observability.logging import get_logger
from foreword_slack.clock import Clock
from foreword_slack.slack_api import SlackApi
from foreword_slack.transport.socket_connection import Dispatch, Ending, SocketConnection
from foreword_slack.verdicts import Verdict, judge

_log = get_logger(__name__)

MAX_CONNECTIONS = 10
"""Slack closes further connections."""

_CLOSE = aiohttp.ClientWSTimeout(ws_close=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSettings:
    """Settings of the connections.

    Attributes:
        connections: Number of connections, in [1, 10]; Slack sends each event over one of them.
        ping_seconds: Time between two pings.
        silence_seconds: Time without any frame after which a connection counts as half open.
        quiet_seconds: Time without an event after which a connection is replaced, in case Slack no longer uses it.
        greet_seconds: Time limit of Slack's greeting.
        first_wait_seconds: Maximum wait after the first failure; it doubles with each failure.
        longest_wait_seconds: Maximum of every wait. Slack permits few attempts per minute.
        retire_seconds: Time that a replaced connection may still receive.
    """

    connections: int = 2
    ping_seconds: float = 10.0
    silence_seconds: float = 30.0
    quiet_seconds: float = 900.0
    greet_seconds: float = 15.0
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    retire_seconds: float = 30.0


class SocketMode:
    """A pool of open connections to Slack.

    Args:
        app_token: The app-level token, which begins with `xapp-`.
        dispatch: Accepts a payload.
        random: Source of the jitter of waits.
    """

    def __init__(
        self,
        api: SlackApi,
        clock: Clock,
        dispatch: Dispatch,
        *,
        app_token: str,
        settings: SocketSettings | None = None,
        random: Random | None = None,
    ) -> None:
        self._api, self._clock, self._dispatch, self._app_token = api, clock, dispatch, app_token
        self._settings = settings or SocketSettings()
        assert 1 <= self._settings.connections <= MAX_CONNECTIONS
        self._backoff = Backoff(
            self._settings.first_wait_seconds,
            self._settings.longest_wait_seconds,
            random or Random(),  # noqa: S311 - jitter
        )
        self._slots: list[asyncio.Task[None]] = []
        self._connections: dict[SocketConnection, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._spare_url = ""
        self._stopping = False
        self.counts: Counter[str] = Counter()

    @property
    def num_ready(self) -> int:
        """The number of connections that receive events."""
        return sum(connection.is_ready for connection in self._connections)

    async def start(self) -> None:
        """Start to open connections.

        Raises:
            FailedPreconditionError: Slack refuses the app token.
        """
        with contextlib.suppress(aiohttp.ClientError, SlackApiError, TimeoutError):
            self._spare_url = await self._ticket()
        self._slots = [asyncio.create_task(self._keep()) for _ in range(self._settings.connections)]

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Open no more connections, acknowledge the received envelopes, and close the connections.

        Envelopes that arrive meanwhile are not acknowledged, so Slack sends them again to the next bot.
        """
        self._stopping = True
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)
        runs = list(self._connections.values())
        await asyncio.gather(*(connection.stop(grace_seconds) for connection in list(self._connections)))
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*runs, *self._retiring, return_exceptions=True)

    async def _keep(self) -> None:
        """Keep one connection open, and replace it when it ends."""
        failures = 0
        current: SocketConnection | None = None
        while not self._stopping:
            connection = await self._open()
            if current is not None:
                self._retire(current)
                current = None
            if connection is None:
                failures += 1
                await self._clock.sleep(self._backoff.seconds(failures))
                continue
            failures = 0
            ending = await connection.leaving()
            self.counts[ending.value] += 1
            _log.info("socket_leaving", reason=ending.value)
            if ending in (Ending.TOO_MANY, Ending.DISABLED):
                # Other bots have the connections, or Socket Mode was disabled: retry slowly.
                self._retire(connection)
                await self._clock.sleep(self._settings.longest_wait_seconds * 0.5 + self._backoff.seconds(8) * 0.5)
            elif ending in (Ending.CLOSED, Ending.SILENT):
                self._retire(connection)
                await self._clock.sleep(self._backoff.seconds(1))
            elif self._settings.connections == MAX_CONNECTIONS:
                await connection.stop(self._settings.retire_seconds)  # there is no room for one more meanwhile
            else:
                current = connection

    async def _open(self) -> SocketConnection | None:
        """Open a connection and wait for Slack's greeting; return None on failure."""
        connection: SocketConnection | None = None
        try:
            url, self._spare_url = self._spare_url or await self._ticket(), ""
            async with self._clock.timeout(self._settings.greet_seconds):
                # Pings are answered by the connection, so that it sees every frame of the other end.
                websocket = await self._api.connect(url, patience=_CLOSE)
                connection = SocketConnection(
                    websocket,
                    self._clock,
                    self._dispatch,
                    ping_seconds=self._settings.ping_seconds,
                    silence_seconds=self._settings.silence_seconds,
                    quiet_seconds=self._settings.quiet_seconds,
                )
                run = asyncio.create_task(connection.run())
                self._connections[connection] = run
                run.add_done_callback(lambda _, c=connection: self._connections.pop(c, None))  # type: ignore[misc]
                await connection.ready()
                return connection
        except (aiohttp.ClientError, FailedPreconditionError, SlackApiError, TimeoutError) as error:
            _log.warning("socket_not_opened", error=type(error).__name__)
        except Exception:  # the loop must not end while the bot appears to be running
            _log.exception("socket_not_opened")
        self.counts["not_opened"] += 1
        if connection is not None:
            self._retire(connection)
        return None

    async def _ticket(self) -> str:
        """Return a URL for one connection.

        Raises:
            FailedPreconditionError: Slack refuses the app token.
        """
        try:
            answer = await self._api.client().apps_connections_open(app_token=self._app_token)
        except SlackApiError as error:
            failure = judge(error)
            if failure.verdict is Verdict.RATE_LIMITED:
                # Slack issues few URLs per minute; do not ask again earlier.
                await self._clock.sleep(failure.retry_after_seconds or self._settings.longest_wait_seconds)
            if failure.verdict in (Verdict.TENANT_DOWN, Verdict.PERMANENT):
                raise FailedPreconditionError(
                    f"Slack refuses the app token: {failure.reason}. Generate one with the scope connections:write on "
                    "the app's page Basic Information, and enable Socket Mode.",
                    reason="SLACK_APP_TOKEN_REFUSED",
                ) from None
            raise
        return str(answer["url"])

    def _retire(self, connection: SocketConnection) -> None:
        """Give a connection some time to end by itself, then close it."""
        run = self._connections.get(connection)
        if run is None:
            return
        task = asyncio.create_task(self._end(connection, run))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _end(self, connection: SocketConnection, run: asyncio.Task[None]) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(self._settings.retire_seconds):
                await asyncio.shield(run)
        await connection.stop(0.0)
