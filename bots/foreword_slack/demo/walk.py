"""The demo: complaints come in, people correct the bot, and the corrections train a better model.

The terminal shows the state of the fake Slack, to which the bot posts through Slack's own SDK. The model is tuned and
served by the Foreword service of the demo.
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
from foreword_slack.demo.office import create_office
from foreword_slack.testing import FakeSlack, Limits

_SPEED = 4.0
# Slack's clock runs faster here, but the machine and the people of the demo do not, so these limits are longer.
_LIMITS = Limits(trigger_seconds=30.0, ack_seconds=30.0)


def walk(*, client: Client, endpoint: str, console: Console, home: Path, epochs: int | None) -> None:
    """Run all chapters.

    Args:
        client: Client of a running, empty service.
        endpoint: Address of this service.
        console: Console to print on.
        home: Folder for the bot's store; the caller deletes it after the demo.
        epochs: Number of epochs of each of the two runs; None for the recipe's.

    Raises:
        ForewordError: A call of the service failed.
        TimeoutError: An expected event did not happen in Slack in time.
    """
    logging.configure("error")  # the terminal is for Slack
    asyncio.run(_walk(client, endpoint, console, home, epochs))


async def _walk(client: Client, endpoint: str, console: Console, home: Path, num_epochs: int | None) -> None:
    held_out = await asyncio.to_thread(tune_first_model, client, console, num_epochs=num_epochs)
    async with FakeSlack(speed=_SPEED, limits=_LIMITS) as slack:
        office = create_office(slack)
        config = office.config(
            endpoint=endpoint, slack_url=slack.api_url, home=home, held_out=held_out, num_epochs=num_epochs
        )
        bot = await build_bot(config, office.secrets(slack), clock=slack.clock)
        try:
            await bot.start()
            await Chapters(slack, office, console, num_sockets=config.slack.connections).play()
        finally:
            await bot.stop()
