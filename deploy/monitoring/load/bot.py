"""The Slack bot in a simulated workspace, where people complain, decide and correct."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from rich.console import Console

from foreword.client import Client
from foreword_slack.app import build_bot
from foreword_slack.demo.complaints import HELD_OUT, NEW, TAUGHT
from foreword_slack.demo.first_model import tune_first_model
from foreword_slack.demo.office import Office, create_office
from foreword_slack.health import HealthServer
from foreword_slack.metrics import render
from foreword_slack.testing import FakeSlack, Limits, Message
from foreword_slack.views import complaint as view

_PAUSE_SECONDS = 1.5
_FIRST_MODEL_EPOCHS = 2
_SENT_AGAIN_EVERY = 10
# Slack waits for 3 s, but this machine also does the work of everybody else.
_LIMITS = Limits(ack_seconds=10.0, trigger_seconds=10.0)


def tune_bot_model(client: Client) -> str:
    """Tune and deploy the bot's model, and return the dataset of its held-out rows."""
    return tune_first_model(client, Console(quiet=True), num_epochs=_FIRST_MODEL_EPOCHS)


@contextmanager
def bot_at_work(endpoint: str, port: int, *, home: Path, held_out: str) -> Iterator[None]:
    """Let a bot and its people work inside `with`.

    Args:
        port: Port of the bot's metrics.
        home: Folder of its store.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stop = asyncio.Event()
    working = asyncio.run_coroutine_threadsafe(_work(endpoint, port, home, held_out, stop), loop)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        try:
            working.result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _work(endpoint: str, port: int, home: Path, held_out: str, stop: asyncio.Event) -> None:
    async with FakeSlack(limits=_LIMITS) as slack:
        office = create_office(slack)
        config = office.config(
            endpoint=endpoint, slack_url=slack.api_url, home=home, held_out=held_out, num_epochs=_FIRST_MODEL_EPOCHS
        )
        bot = await build_bot(config, office.secrets(slack), clock=slack.clock)
        health = HealthServer(
            bot.store,
            ready=lambda: bot.readiness,
            metrics=lambda overview: render(bot.metrics, bot.state(overview)),
            port=port,
        )
        try:
            await bot.start()
            await health.start()
            await _People(office).work(stop)
        finally:
            await health.stop()
            await bot.stop()


class _People:
    """The people of the workspace."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._chance = Random(1)  # noqa: S311 - a choice of samples
        self._truth = {**dict.fromkeys(TAUGHT, NEW), **dict(HELD_OUT)}

    async def work(self, stop: asyncio.Event) -> None:
        """Complain, decide and correct until told to stop."""
        number = 0
        while not stop.is_set():
            number += 1
            text = self._chance.choice(list(self._truth))
            writer = self._office.people[self._chance.choice(("ann", "dan", "eve"))]
            message = writer.post(self._office.complaints, text)
            if number % _SENT_AGAIN_EVERY == 0:
                writer.deliver(message)
            await _pause(stop)
            await self._decide()
            await self._correct()
            await _pause(stop)

    async def _decide(self) -> None:
        """Decide on the first complaint that waits in the review channel."""
        asked = next((post for post in self._office.review.shown if _offers(post, view.DECIDE)), None)
        if asked is not None and (truth := self._right(asked)):
            person = self._office.people["bob"]
            await person.choose(asked, view.CHOOSE, truth)
            await person.click(asked, view.DECIDE)

    async def _correct(self) -> None:
        """Correct the first complaint that went to a wrong department."""
        for label, channel in self._office.departments.items():
            for post in channel.shown:
                truth = self._right(post)
                if truth and truth != label and _offers(post, view.WRONG):
                    await self._choose(post, truth)
                    return

    async def _choose(self, wrong: Message, truth: str) -> None:
        person = self._office.people["carol"]
        await person.click(wrong, view.WRONG)
        for _ in range(20):
            if (modal := person.modal) is not None:
                field = next(block["element"] for block in modal.content["blocks"] if block["type"] == "input")
                person.fill(modal, field["action_id"], truth)
                await person.submit(modal)
                return
            await asyncio.sleep(0.1)

    def _right(self, post: Message) -> str:
        """Return the department that a post belongs to."""
        return next((label for text, label in self._truth.items() if text in post.shown_text), "")


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_PAUSE_SECONDS):
            await stop.wait()
    except TimeoutError:
        return


def _offers(message: Message, action: str) -> bool:
    try:
        message.find_element(action)
    except LookupError:
        return False
    return True
