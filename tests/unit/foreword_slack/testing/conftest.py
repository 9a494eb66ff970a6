"""Fixtures: the fake Slack, driven by Slack's own SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.testing import FakeSlack, Limits, Workspace


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(limits=Limits(posts_per_second=100)) as running:
        yield running


@pytest.fixture
def acme(slack: FakeSlack) -> Workspace:
    return slack.add_team("Acme")


@pytest.fixture
def web(slack: FakeSlack, acme: Workspace) -> AsyncWebClient:
    return AsyncWebClient(token=acme.token, base_url=slack.api_url)
