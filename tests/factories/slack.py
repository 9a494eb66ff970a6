"""Clocks, events and installations for the bot's tests."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factories.databases import empty_postgres
from foreword_slack.store import InstallationState, NewEvent, Store, Workspace
from foreword_slack.store.tables import Base
from foreword_slack.testing import Channel, Message

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class HandClock:
    """A clock that stands still until a test advances it; sleepers wake when their time comes."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), future))
        await future

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        # A short real time: a loop that waits for work checks again and sees from `now` that nothing is due.
        return asyncio.timeout(None if seconds is None else min(seconds, 0.02))

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        for due, future in self._sleepers:
            if due <= self._now and not future.done():
                future.set_result(None)
        self._sleepers = [(due, future) for due, future in self._sleepers if not future.done()]


def empty_store_url(request: pytest.FixtureRequest, backend: str, folder: Path) -> str:
    """Return the URL of a database with the bot's tables and no rows.

    Args:
        backend: `sqlite` or `postgresql`.
        folder: Folder of the SQLite file.
    """
    if backend == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_slack_file'), folder / 'slack.db')}"
    url: str = request.getfixturevalue("slack_postgres_url")
    empty_postgres(url, Base.metadata)
    return url


def new_event(key: str = "message:C1:1.1", **changes: Any) -> NewEvent:
    """Return an event of team T1; the last part of the key, times a million, is its position."""
    values: dict[str, Any] = {
        "team": "T1",
        "kind": "message",
        "dedupe_key": key,
        "subject": key.partition(":")[2],
        "position": 0,
        "payload": {"text": "Where is my parcel?"},
    }
    return NewEvent(**values | changes)


async def install(store: Store, team: str = "T1", **changes: Any) -> None:
    """Add an active installation to the store."""
    values: dict[str, Any] = {
        "team": team,
        "name": team.lower(),
        "enterprise": None,
        "tenant": "acme",
        "state": InstallationState.ACTIVE,
        "reason": "",
        "app": "A1",
        "bot": "B1",
        "bot_user": "U0",
        "scopes": ("chat:write",),
        "sealed": "sealed",
        "token_expire_time": None,
        "install_time": START,
    }
    workspace = Workspace(**values | changes)
    await store.operate(lambda operator: operator.workspaces.save(workspace))


def written_before(channel: Channel, message: Message, hours: float) -> None:
    """Make a message older, as if it had been written before everything else."""
    del channel.messages[message.ts]
    message.ts = f"{float(message.ts) - hours * 3600:.6f}"
    channel.messages[message.ts] = message
