"""An outbox that posts to a scripted Slack."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest

from factories.scripted_slack import ScriptedSlack
from factories.waiting import PATIENCE_SECONDS
from foreword_slack.outbox import Outbox, OutboxSettings
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import Store

SPEED = 50

# On a busy machine a call takes a while, which is long on a fast clock.
SETTINGS = {"settle_seconds": 0.5, "first_wait_seconds": 0.5, "call_seconds": 500, "lease_seconds": 2000}


BOTH_DATABASES = pytest.mark.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)


class Clients:
    """The clients of every team; the token of each names its team."""

    def __init__(self, api: SlackApi) -> None:
        self.api = api
        self.renewed: list[str] = []
        self.can_renew = True

    async def client(self, team: str):
        return self.api.client(f"xoxb-{team}-{len(self.renewed)}")

    async def renew(self, team: str) -> bool:
        self.renewed.append(team)
        return self.can_renew


@asynccontextmanager
async def running(store: Store, slack: ScriptedSlack, *, clients=None, on_failed=None, **settings):
    api = SlackApi(slack.url)
    outbox = Outbox(
        store,
        clients or Clients(api),
        settings=OutboxSettings(**SETTINGS | settings),
        random=Random(1),
        on_failed=on_failed,
    )
    if clients is not None:
        clients.api = api
    outbox.start()
    try:
        yield outbox
    finally:
        await outbox.stop(grace_seconds=0.1)
        await api.close()


async def post(store, name="route", channel="C1", text="Late", team="T1", **options):
    return await store.write(team, lambda uow: uow.posts.post(name, channel, {"text": text}, **options))


async def found(store, name="route", team="T1"):
    return await store.read(team, lambda uow: uow.posts.get(name))


async def settled(outbox):
    async with asyncio.timeout(PATIENCE_SECONDS):
        await outbox.settled()
