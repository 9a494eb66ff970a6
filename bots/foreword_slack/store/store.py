"""The store, which runs transactions in threads for a bot on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from foreword.sql.database import Database
from foreword_slack.clock import Clock, SystemClock
from foreword_slack.store.events import NewEvent
from foreword_slack.store.unit_of_work import Operator, UnitOfWork

MIGRATIONS = "foreword_slack.store:migrations"

_Result = TypeVar("_Result")


class Store:
    """The bot's durable state.

    The result of a transaction's function must not depend on the open transaction. The repositories return plain
    values.

    Args:
        url: SQLAlchemy URL of an SQLite file or of PostgreSQL, or the path of an SQLite file.
        clock: Clock for the times of rows, leases and waits. The clocks of bots that share a store must agree to within
            a few seconds.

    Raises:
        InvalidArgumentError: The URL names another kind of database, or SQLite in memory.
    """

    def __init__(self, url: str | Path, *, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._database = Database(url, migrations=MIGRATIONS, marker="slack_inbox")
        # SQLite permits one writer at a time: waiting in a queue is faster and fairer than waiting for its lock.
        writers = 1 if self._database.is_sqlite else 8
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="slack-store-write")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="slack-store-read")
        self._event_listeners: list[Callable[[], None]] = []
        self._post_listeners: list[Callable[[str], None]] = []

    @classmethod
    async def open(cls, url: str | Path, *, clock: Clock | None = None) -> Store:
        """Open a store and migrate its schema.

        Raises:
            InvalidArgumentError: The URL names another kind of database, or SQLite in memory.
            FailedPreconditionError: The schema is from a newer version of Foreword.
            UnavailableError: The database cannot be reached.
        """
        store = cls(url, clock=clock)
        try:
            await store._run(store._writers, store._database.migrate)
        except BaseException:
            await store.close()
            raise
        return store

    async def write(self, team: str, work: Callable[[UnitOfWork], _Result]) -> _Result:
        """Run a transaction of one workspace, which commits if `work` returns and rolls back if it raises.

        No other transaction runs in the workspace meanwhile, so everything it reads is still valid at the commit. The
        changes are on the disk when this returns.

        Raises:
            UnavailableError: The database cannot be reached, or was busy for too long.
        """
        added = asked = False

        def transaction() -> _Result:
            nonlocal added, asked
            with self._database.write(f"slack/{team}") as session:
                uow = UnitOfWork(session, team, self.clock.now())
                result = work(uow)
                added, asked = uow.inbox.added, uow.posts.asked
            return result

        result = await self._run(self._writers, transaction)
        if added:
            self.notify_inbox()
        if asked:
            self.notify_outbox(team)
        return result

    async def read(self, team: str, work: Callable[[UnitOfWork], _Result]) -> _Result:
        """Run a read-only transaction of one workspace, with a consistent snapshot.

        Raises:
            UnavailableError: The database cannot be reached.
        """

        def transaction() -> _Result:
            with self._database.read() as session:
                return work(UnitOfWork(session, team, self.clock.now()))

        return await self._run(self._readers, transaction)

    async def add_events(self, events: Sequence[NewEvent]) -> list[bool]:
        """Store events of any workspaces in one transaction, so that a burst needs one write to the disk.

        Returns:
            For each event, whether it is new.

        Raises:
            UnavailableError: The database cannot be reached, or was busy for too long.
        """

        def transaction() -> list[bool]:
            with self._database.write() as session:
                queue = Operator(session, self.clock.now()).events
                return [queue.add(event) for event in events]

        fresh = await self._run(self._writers, transaction)
        if any(fresh):
            self.notify_inbox()
        return fresh

    async def operate(self, work: Callable[[Operator], _Result], *, team: str | None = None) -> _Result:
        """Run an internal transaction across workspaces.

        Args:
            team: Workspace to lock, as `write` does. Default: a lock shared by all calls without a workspace, so that
                two bots never claim the same event.

        Raises:
            UnavailableError: The database cannot be reached, or was busy for too long.
        """

        def transaction() -> _Result:
            with self._database.write("slack" if team is None else f"slack/{team}") as session:
                return work(Operator(session, self.clock.now()))

        return await self._run(self._writers, transaction)

    async def survey(self, work: Callable[[Operator], _Result]) -> _Result:
        """Run a read-only transaction across workspaces.

        Raises:
            UnavailableError: The database cannot be reached.
        """

        def transaction() -> _Result:
            with self._database.read() as session:
                return work(Operator(session, self.clock.now()))

        return await self._run(self._readers, transaction)

    def listen(self, *, events: Callable[[], None] | None = None, posts: Callable[[str], None] | None = None) -> None:
        """Register functions to call on the event loop after a transaction of this process has committed.

        Args:
            events: Called if there may be new events.
            posts: Called with the workspace if there may be new calls to make.
        """
        if events is not None:
            self._event_listeners.append(events)
        if posts is not None:
            self._post_listeners.append(posts)

    def notify_inbox(self) -> None:
        """Notify the listeners that there may be new events."""
        for listener in self._event_listeners:
            listener()

    def notify_outbox(self, team: str) -> None:
        """Notify the listeners that there may be new calls to make."""
        for listener in self._post_listeners:
            listener(team)

    async def close(self) -> None:
        """Wait for the transactions in progress, and close all connections."""
        await asyncio.to_thread(self._writers.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._database.close()

    async def _run(self, threads: ThreadPoolExecutor, transaction: Callable[[], _Result]) -> _Result:
        # A thread cannot be stopped: the transaction of a cancelled caller still commits.
        return await asyncio.get_running_loop().run_in_executor(threads, transaction)
