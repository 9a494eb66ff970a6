"""Rollouts whose figures cannot be written or are not confirmed, and rollouts whose time is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from factories.canaries import CanaryTraffic, running_canary
from factories.logs import captured_logs
from foreword.domain.rollout import CanaryPlan, RolloutState
from foreword.errors import InternalError, UnavailableError
from foreword.storage.database import Database


@pytest.fixture
async def canary(tmp_path: Path) -> AsyncIterator[CanaryTraffic]:
    async with running_canary(tmp_path, CanaryPlan(share=0.9, promote_after_requests=50)) as running:
        yield running


def lose_answers(database: Database, *errors: Exception) -> None:
    """Let the next write transactions raise errors after they have been committed."""
    waiting = list(errors)

    def lose(use: str, seconds: float, available: bool) -> None:
        if use == "write" and waiting:
            raise waiting.pop(0)

    database.on_transaction = lose


@pytest.mark.parametrize("error", [UnavailableError("The connection was lost."), RuntimeError("a bug")], ids=str)
async def test_a_batch_whose_commit_was_not_confirmed_counts_once(canary: CanaryTraffic, error: Exception):
    lose_answers(canary.database, error, error)
    await canary.answering()
    await canary.recorder.write()
    await canary.answering()
    await canary.answering(chosen=False)
    await canary.recorder.write()

    found = await canary.figures()

    assert (found.candidate.requests, found.stable.requests) == (2, 1)


async def test_a_batch_that_was_not_written_is_written_later(canary: CanaryTraffic):
    with canary.database.write("tenants/acme") as session:
        session.connection().exec_driver_sql("ALTER TABLE deployments RENAME TO gone")
    await canary.answering()
    await canary.recorder.write()
    with canary.database.write("tenants/acme") as session:
        session.connection().exec_driver_sql("ALTER TABLE gone RENAME TO deployments")

    assert (await canary.figures()).candidate.requests == 1


async def test_an_end_that_was_not_confirmed_is_logged_once_it_is_known(canary: CanaryTraffic):
    lose_answers(canary.database, UnavailableError("The connection was lost."))
    for _ in range(3):
        await canary.answering(canary=InternalError("It broke."))
    with captured_logs() as lines:
        await canary.recorder.write()
        assert "rollout_ended" not in [line["event"] for line in lines]
        assert (await canary.rollout()).state is RolloutState.ROLLED_BACK

    assert [line["state"] for line in lines if line["event"] == "rollout_ended"] == ["rolled_back"]


async def test_a_canary_without_traffic_ends_when_its_time_is_over(tmp_path: Path):
    async with running_canary(tmp_path, CanaryPlan(share=0.9, max_duration=timedelta(0))) as overdue:
        with captured_logs() as lines:
            await overdue.clock.look()
            await overdue.clock.look()

        assert (await overdue.rollout()).state is RolloutState.EXPIRED
        assert [line["state"] for line in lines if line["event"] == "rollout_ended"] == ["expired"]
