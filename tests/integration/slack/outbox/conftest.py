"""A fast clock, a scripted Slack, and a store."""

from __future__ import annotations

import pytest

from factories.outbox import SPEED
from factories.scripted_slack import scripted_slack
from factories.slack import empty_store_url
from foreword_slack.clock import ScaledClock


@pytest.fixture
def clock() -> ScaledClock:
    return ScaledClock(SPEED)


@pytest.fixture
async def slack():
    async with scripted_slack() as scripted:
        yield scripted


@pytest.fixture
def store_url(request, tmp_path) -> str:
    """The URL of an SQLite database, unless a test asks for both kinds; most tests are about Slack, not the store."""
    return empty_store_url(request, getattr(request, "param", "sqlite"), tmp_path)
