"""The executor keeps workers alive, and ends them when the server stops."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator

import pytest

from factories.logs import captured_logs
from factories.waiting import eventually
from foreword.config import Settings
from foreword.scheduling.executor import LocalExecutor


@pytest.fixture
def lines() -> Iterator[list]:
    """The log entries."""
    with captured_logs() as found:
        yield found


def events(lines: list) -> list[str]:
    return [line["event"] for line in lines]


async def heard(lines: list, event: str) -> None:
    await eventually(lambda: event in events(lines))


async def stop(executor: LocalExecutor) -> None:
    async with asyncio.timeout(5):
        await executor.stop()


async def test_stopping_does_not_wait_for_a_worker_that_is_to_be_restarted_later(tmp_path, monkeypatch, lines):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    executor = LocalExecutor(Settings(home=tmp_path, drain_seconds=0.5), 2)  # less than the pause
    await executor.start()
    await heard(lines, "worker_ended")

    await stop(executor)

    assert "workers_killed" not in events(lines)


async def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path, monkeypatch, lines):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    executor = LocalExecutor(Settings(home=tmp_path, drain_seconds=0.5), 1)
    await executor.start()
    await heard(lines, "worker_not_started")

    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    await heard(lines, "worker_ended")

    await stop(executor)
