"""The whole bot in workspaces of the fake Slack, with a service that answers by keyword behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from factories.keyword_service import KeywordService
from factories.slack_flood import Place, make_place
from foreword_slack.app import Bot, build_bot
from foreword_slack.config import BotConfig
from foreword_slack.hooks import Hooks
from foreword_slack.secrets import Secrets
from foreword_slack.testing import FakeSlack, Limits

StartBot = Callable[..., Any]


@pytest.fixture
async def service() -> AsyncIterator[KeywordService]:
    async with KeywordService() as running:
        yield running


@pytest.fixture
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[FakeSlack]:
    speed = getattr(request, "param", 60)
    # The deadlines are scaled to the fast clock; another test checks that the bot meets the real ones.
    async with FakeSlack(speed=speed, limits=Limits(ack_seconds=30.0 * speed, trigger_seconds=30.0 * speed)) as running:
        yield running


@pytest.fixture
def acme(slack: FakeSlack) -> Place:
    return make_place(slack, "Acme", complaint_channels=1)


@pytest.fixture
async def start_bot(slack: FakeSlack, service: KeywordService, tmp_path: Path) -> AsyncIterator[StartBot]:
    """Start a bot for workspaces; it stops at the end of the test at the latest."""
    running = AsyncExitStack()

    async def start(*places: Place, mode: str = "socket", with_tokens: bool = True, **secrets: Any) -> Bot:
        values = {
            "service": {"endpoint": service.endpoint},
            "store": {"url": f"sqlite:///{tmp_path}/slack.db"},
            "slack": {"mode": mode, "api_url": slack.api_url} | ({"port": 0} if mode == "http" else {}),
            "teams": [place.config() for place in places],
        }
        bot = await build_bot(
            BotConfig.model_validate(values),
            Secrets(
                api_keys={place.workspace.id: "dev" for place in places},
                bot_tokens={place.workspace.id: place.workspace.token for place in places if with_tokens},
                app_token=slack.app.app_token,
                signing_secret=slack.app.signing_secret,
                **secrets,
            ),
            clock=slack.clock,
            random=Random(0),
            hooks=Hooks(),
        )
        running.push_async_callback(bot.stop)
        await bot.start()
        if mode == "http":
            slack.app.request_url = f"http://127.0.0.1:{bot.transport.port}/slack/events"
        else:
            await slack.wait_for(lambda: slack.sockets.sockets, "a connection of the bot")
        return bot

    async with running:
        yield start
