"""The walk-through: complaints come in, people correct the bot, and the corrections become a better model.

What the terminal shows of Slack is read from the fake Slack, after the bot has posted it through Slack's own SDK; the
model behind it is tuned and served by the Foreword service that the demo runs on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from foreword.client import Client
from foreword.observability import logging
from foreword_slack.app import build_bot
from foreword_slack.demo.chapters import Chapters
from foreword_slack.demo.first_model import tune_first_model
from foreword_slack.demo.office import furnish
from foreword_slack.testing import FakeSlack, Limits

_SPEED = 4.0
# Slack's clock runs faster here; the machine and the people of the demo do not.
_LIMITS = Limits(trigger_seconds=30.0, ack_seconds=30.0)


def walk(*, client: Client, endpoint: str, console: Console, home: Path, epochs: int | None) -> None:
    """Walks through all chapters.

    Args:
        client: Of a running service with nothing in it.
        endpoint: Of the same.
        console: Where to tell.
        home: Folder for the bot's store; ends with the demo.
        epochs: Passes over the rows in each of the two runs; None for the recipe's.

    Raises:
        ForewordError: The service refused something.
        TimeoutError: Something that must happen in Slack did not.
    """
    logging.configure("error")  # the terminal is for Slack
    asyncio.run(_walk(client, endpoint, console, home, epochs))


async def _walk(client: Client, endpoint: str, console: Console, home: Path, num_epochs: int | None) -> None:
    held_out = await asyncio.to_thread(tune_first_model, client, console, num_epochs=num_epochs)
    async with FakeSlack(speed=_SPEED, limits=_LIMITS) as slack:
        office = furnish(slack)
        config = office.config(endpoint=endpoint, home=home, held_out=held_out, num_epochs=num_epochs)
        bot = await build_bot(config, office.secrets(slack), clock=slack.clock, slack_url=slack.api_url)
        try:
            await bot.start()
            await Chapters(slack, office, console, num_sockets=config.slack.connections).tell()
        finally:
            await bot.stop()
