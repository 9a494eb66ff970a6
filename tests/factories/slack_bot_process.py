"""A bot in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
from typing import Any

from factories.slack_bots import bot_parts, socket_mode
from foreword_slack.clock import ScaledClock
from foreword_slack.inbox import InboxSettings
from foreword_slack.outbox import OutboxSettings
from foreword_slack.store import Store


async def run(options: dict[str, Any]) -> None:
    """Keeps what comes in, and posts it to one channel, until the process is killed."""
    clock = ScaledClock(options["speed"], origin=options["origin"])
    store = await Store.open(options["store"], clock=clock)
    async with bot_parts(
        store,
        api_url=options["api_url"],
        tenants={options["team"]: "acme"},
        post_to=options["post_to"],
        key=options["key"],
        inbox_settings=InboxSettings(lease_seconds=5, poll_seconds=1),
        outbox_settings=OutboxSettings(lease_seconds=20, poll_seconds=1),
    ) as parts:
        await parts.installations.install_token(options["team"], options["bot_token"])
        sockets = socket_mode(parts, options["app_token"], clock, connections=2)
        parts.outbox.start()
        parts.inbox.start()
        await sockets.start()
        await asyncio.Event().wait()


def work(options: dict[str, Any]) -> None:
    """The process's main function."""
    asyncio.run(run(options))
