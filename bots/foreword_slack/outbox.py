"""The durable outbox: every post that a transaction requested is sent once, however often the bot crashes meanwhile.

Each workspace has its own sender with a token bucket for each channel, so that a busy or broken one does not delay the
others. A row is marked before its call is made. If no answer arrives, the bot looks for the post in the channel before
it posts again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.clients import Clients
from foreword_slack.delivery.sender import TeamSender
from foreword_slack.delivery.settings import OutboxSettings
from foreword_slack.store import Operator, Store, UnitOfWork
from foreword_slack.store.post_queue import Sending
from foreword_slack.wakeup import Wakeup

__all__ = ["Clients", "Outbox", "OutboxSettings", "Sending"]

_log = get_logger(__name__)


class Outbox:
    """The senders of all workspaces.

    Args:
        clients: Source of each workspace's client.
        random: Source of the jitter of waits.
        on_failed: Called with the reason in the transaction that gives a call up, so that something else can be posted
            instead.
        on_sent: Called with each call that was made.
    """

    def __init__(
        self,
        store: Store,
        clients: Clients,
        *,
        settings: OutboxSettings | None = None,
        random: Random | None = None,
        on_failed: Callable[[UnitOfWork, Sending, str], None] | None = None,
        on_sent: Callable[[Sending], object] = lambda _: None,
    ) -> None:
        self._store, self._clients, self._settings = store, clients, settings or OutboxSettings()
        self._random = random or Random()  # noqa: S311 - jitter
        self._on_failed, self._on_sent = on_failed, on_sent
        self._senders: dict[str, TeamSender] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wakeup = Wakeup(store.clock)
        self._task: asyncio.Task[None] | None = None
        self.counts: Counter[str] = Counter()
        store.listen(posts=self.wake)

    def start(self) -> None:
        """Start to make calls."""
        assert self._task is None
        self._task = asyncio.create_task(self._watch())

    def wake(self, team: str) -> None:
        """Wake the sender of a workspace that may have calls to make."""
        if self._task is None:
            return
        if team not in self._senders:
            self._senders[team] = TeamSender(
                team,
                self._store,
                self._clients,
                self._settings,
                self._random,
                self.counts,
                self._on_failed,
                self._on_sent,
            )
        self._senders[team].wakeup.set()
        task = self._running.get(team)
        if task is None or task.done():
            self._running[team] = asyncio.create_task(self._senders[team].run())

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Start no more calls, and wait for those in progress."""
        if self._task is None:
            return
        watch, self._task = self._task, None
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await asyncio.gather(*(sender.stop(grace_seconds) for sender in self._senders.values()))
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._senders, self._running = {}, {}

    async def settled(self) -> None:
        """Return once no installed workspace has calls left to make."""
        while await self._store.survey(lambda operator: operator.posts.teams()):  # noqa: ASYNC110 - others may send, too
            await asyncio.sleep(0.01)

    async def _watch(self) -> None:
        """Find the calls that were requested before this process started, or by other processes."""
        purged = self._store.clock.now()
        while True:
            try:
                for team in await self._store.survey(lambda operator: operator.posts.teams()):
                    self.wake(team)
                if self._store.clock.now() - purged > timedelta(hours=1):
                    purged = self._store.clock.now()
                    await self._store.operate(self._purge)
            except UnavailableError:
                pass  # the store has logged the reason once
            except Exception:  # the loop must not end while the bot appears to be running
                _log.exception("outbox_watch_failed")
            await self._store.clock.sleep(self._settings.poll_seconds)

    def _purge(self, operator: Operator) -> None:
        operator.posts.purge(
            ended_before=operator.now - timedelta(days=self._settings.keep_days),
            failed_before=operator.now - timedelta(days=self._settings.keep_failed_days),
        )
