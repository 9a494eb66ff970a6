"""The store: transactions in threads, for a bot that lives on an event loop."""

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
    """Everything that the bot must not forget.

    What a transaction's function returns must not need the transaction any more: the repositories return plain values.

    Args:
        url: SQLAlchemy URL of an SQLite file or of PostgreSQL, or the path of an SQLite file.
        clock: Where the times of rows, leases and waits come from. Bots that share a store need clocks that agree
            to within a few seconds.

    Raises:
        InvalidArgumentError: The URL names another kind of database, or SQLite in memory.
    """

    def __init__(self, url: str | Path, *, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._database = Database(url, migrations=MIGRATIONS, marker="slack_inbox")
        # SQLite has one writer at a time: to wait in a queue is quicker and fairer than at its lock.
        writers = 1 if self._database.is_sqlite else 8
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="slack-store-write")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="slack-store-read")
        self._event_listeners: list[Callable[[], None]] = []
        self._post_listeners: list[Callable[[str], None]] = []

    @classmethod
    async def open(cls, url: str | Path, *, clock: Clock | None = None) -> Store:
        """Opens a store and brings its schema up to date.

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
        """Runs a transaction of one workspace, which commits when `work` returns and leaves nothing when it raises.

        It runs alone in its workspace, so what it reads is still true when it commits. It has reached the disk when
        this returns.

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
            self.tell_of_events()
        if asked:
            self.notify_outbox(team)
        return result

    async def read(self, team: str, work: Callable[[UnitOfWork], _Result]) -> _Result:
        """Runs a transaction of one workspace that only reads, and sees one state throughout.

        Raises:
            UnavailableError: The database cannot be reached.
        """

        def transaction() -> _Result:
            with self._database.read() as session:
                return work(UnitOfWork(session, team, self.clock.now()))

        return await self._run(self._readers, transaction)

    async def add_events(self, events: Sequence[NewEvent]) -> list[bool]:
        """Keeps events of any workspaces in one transaction, so that a burst costs one write to the disk.

        Returns:
            Of each, whether it is new.

        Raises:
            UnavailableError: The database cannot be reached, or was busy for too long.
        """

        def transaction() -> list[bool]:
            with self._database.write() as session:
                queue = Operator(session, self.clock.now()).events
                return [queue.add(event) for event in events]

        fresh = await self._run(self._writers, transaction)
        if any(fresh):
            self.tell_of_events()
        return fresh

    async def operate(self, work: Callable[[Operator], _Result], *, team: str | None = None) -> _Result:
        """Runs a transaction of the bot's machinery, across workspaces.

        Args:
            team: Runs alone in this workspace, as `write` does. Default: alone among those without one, so that two
                bots never claim the same event.

        Raises:
            UnavailableError: The database cannot be reached, or was busy for too long.
        """

        def transaction() -> _Result:
            with self._database.write("slack" if team is None else f"slack/{team}") as session:
                return work(Operator(session, self.clock.now()))

        return await self._run(self._writers, transaction)

    async def survey(self, work: Callable[[Operator], _Result]) -> _Result:
        """Runs a transaction across workspaces that only reads.

        Raises:
            UnavailableError: The database cannot be reached.
        """

        def transaction() -> _Result:
            with self._database.read() as session:
                return work(Operator(session, self.clock.now()))

        return await self._run(self._readers, transaction)

    def listen(self, *, events: Callable[[], None] | None = None, posts: Callable[[str], None] | None = None) -> None:
        """Has functions called on the event loop when a transaction of this process committed.

        Args:
            events: Called when there may be new events.
            posts: Called with the team when there may be new calls to make.
        """
        if events is not None:
            self._event_listeners.append(events)
        if posts is not None:
            self._post_listeners.append(posts)

    def tell_of_events(self) -> None:
        """Tells those who listen that there may be new events."""
        for listener in self._event_listeners:
            listener()

    def notify_outbox(self, team: str) -> None:
        """Tells those who listen that there may be new calls to make."""
        for listener in self._post_listeners:
            listener(team)

    async def close(self) -> None:
        """Waits for what is under way and closes all connections."""
        await asyncio.to_thread(self._writers.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._database.close()

    async def _run(self, threads: ThreadPoolExecutor, transaction: Callable[[], _Result]) -> _Result:
        # A thread cannot be stopped: the transaction of a caller that is cancelled commits all the same.
        return await asyncio.get_running_loop().run_in_executor(threads, transaction)
