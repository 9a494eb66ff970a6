"""The Slack bot at Slack's limits, against the fake Slack with the limits of Slack's documents.

    python tests/benchmarks/slack_limits.py [--plugin-seconds N] [--complaints N]

Three figures, about a minute in all: acknowledgements and `/healthz` while every call of a plugin takes seconds; the
start of a workspace with 60 departments; and the time to settle a post whose answer was lost, for an app that may read
15 messages a minute. A service that answers by keyword takes the place of the model. The fake Slack, the service and
the bot share a process, so times in milliseconds are upper bounds; compare them with `--plugin-seconds 0`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories.bots import Access, Office, make_office, office_secrets, office_values
from factories.keyword_service import LABELS, KeywordService
from foreword.observability import logging
from foreword_slack.app import Bot, build_bot
from foreword_slack.config import BotConfig
from foreword_slack.console import check_all
from foreword_slack.health import HealthServer
from foreword_slack.hooks import Hooks, hookimpl
from foreword_slack.metrics import render
from foreword_slack.store import PostState
from foreword_slack.testing import App, CallFault, FakeSlack, FaultPlan

_COMPLAINTS_PER_SECOND = 10.0


class SlowPlugin:
    """A plugin whose calls block for some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self.calls = seconds, 0

    @hookimpl
    def routing_decided(self, event: Any) -> None:
        """Block."""
        self.calls += 1
        time.sleep(self._seconds)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def configure(office: Office, service: KeywordService, folder: Path, **team: Any) -> tuple[BotConfig, Access]:
    """Return the bot's configuration for an office, and its access to the service."""
    access = Access(endpoint=service.endpoint, tenant="dev", key="dev")
    values = {
        "service": {"endpoint": service.endpoint},
        "store": {"url": f"sqlite:///{folder}/slack.db"},
        "slack": {"mode": "socket", "api_url": office.slack.api_url},
        "teams": [office_values(office, access, **team)],
    }
    return BotConfig.model_validate(values), access


@asynccontextmanager
async def running(
    office: Office, service: KeywordService, folder: Path, hooks: Hooks | None = None
) -> AsyncIterator[Bot]:
    """Run the bot with the outbox as it is in production."""
    config, access = configure(office, service, folder)
    secrets = office_secrets(office, access)
    bot = await build_bot(config, secrets, clock=office.slack.clock, random=Random(0), hooks=hooks or Hooks())
    try:
        await bot.start()
        await office.slack.wait_for(lambda: office.slack.sockets.sockets, "a connection of the bot")
        yield bot
    finally:
        await bot.stop()


def ask(url: str, stopped: Any) -> list[float]:
    """Ask for a page ten times a second until `stopped`, and return the seconds that each answer took."""
    seconds = []
    while not stopped():
        begin = time.perf_counter()
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
        seconds.append(time.perf_counter() - begin)
        time.sleep(0.1)
    return seconds


async def slow_plugins(service: KeywordService, folder: Path, plugin_seconds: float, complaints: int) -> None:
    """Measure acknowledgements and `/healthz` while plugins block."""
    plugin = SlowPlugin(plugin_seconds)
    async with FakeSlack() as slack:
        office = make_office(slack, LABELS)
        async with running(office, service, folder, Hooks(slow=plugin)) as bot:
            health = HealthServer(
                bot.store,
                ready=lambda: bot.readiness,
                metrics=lambda overview: render(bot.metrics, bot.state(overview)),
                port=0,
            )
            await health.start()
            ended = False
            polls = asyncio.create_task(
                asyncio.to_thread(ask, f"http://127.0.0.1:{health.port}/healthz", lambda: ended)
            )
            for number in range(complaints):
                office.ann.post(office.complaints, f"Number {number} is about {LABELS[number % len(LABELS)]}")
                await asyncio.sleep(1 / _COMPLAINTS_PER_SECOND)
            await slack.settle(wall_seconds=120)
            ended = True
            answered, acknowledged = await polls, slack.journal.ack_seconds()
            await health.stop()
    print(
        f"plugins that take {plugin_seconds:g} s ({plugin.calls} calls begun): acknowledgement p99 "
        f"{percentile(acknowledged, 0.99):.3f} s of {len(acknowledged)} events; /healthz median "
        f"{percentile(answered, 0.5) * 1000:.0f} ms, p99 {percentile(answered, 0.99) * 1000:.0f} ms, slowest "
        f"{max(answered) * 1000:.0f} ms of {len(answered)}"
    )


async def many_departments(service: KeywordService, folder: Path) -> None:
    """Measure the check of a workspace with 60 departments, on Slack's clock."""
    async with FakeSlack(speed=20) as slack:
        office = make_office(slack, LABELS)
        departments = [{"label": f"D{n}", "channel": office.workspace.add_channel(f"d{n}").id} for n in range(60)]
        config, access = configure(office, service, folder, departments=departments)
        begin = slack.time()
        said: list[str] = []
        faults = await check_all(config, office_secrets(office, access), clock=slack.clock, report=said.append)
        seconds = slack.time() - begin
    refused = [fault for fault in faults if "channel" in fault.where or fault.where == "Slack"]
    print(f"60 departments: checked in {seconds:.0f} s of Slack's clock, {len(said)} waits, {len(refused)} faults")


async def ambiguous_post(service: KeywordService, folder: Path) -> None:
    """Measure how long a post with a lost answer takes to be settled in a busy channel, on Slack's clock."""
    plan = FaultPlan()
    async with FakeSlack(speed=20, faults=plan, app=App(is_distributed=True)) as slack:
        office = make_office(slack, LABELS)
        service_channel = office.departments["Service"].id
        async with running(office, service, folder) as bot:
            for number in range(90):
                if number == 30:
                    plan.fail_calls(CallFault.CUT_AFTER, method="chat.postMessage", channel=service_channel)
                office.ann.post(office.complaints, f"Number {number} is about Service")
                await slack.clock.sleep(1.2)
            await slack.wait_for(lambda: len(office.department_posts()) >= 90, "all posts", wall_seconds=120)
            await bot.outbox.settled()
            lost = next(call for call in slack.journal.calls if call.outcome == CallFault.CUT_AFTER.value)
            names = await bot.store.survey(lambda operator: operator.posts.teams())
            assert names == []
            key = lost.arguments["metadata"]["event_payload"]["key"]
            post = await bot.store.read(office.workspace.id, lambda uow: uow.posts.get(key))
    assert post is not None
    assert post.state is PostState.SENT
    assert post.finish_time is not None
    pages = sum(call.method == "conversations.history" and call.outcome == "ok" for call in slack.journal.calls)
    doubled = len(office.department_posts()) - 90
    print(
        f"ambiguous post at 15 messages a minute: settled after {post.finish_time.timestamp() - lost.at:.0f} s of "
        f"Slack's clock, {pages} pages read in all, {doubled} doubled"
    )


async def measure(plugin_seconds: float, complaints: int) -> None:
    """Run the benchmarks and print the figures."""
    async with KeywordService() as service:
        with tempfile.TemporaryDirectory() as folder:
            await slow_plugins(service, Path(folder), plugin_seconds, complaints)
        with tempfile.TemporaryDirectory() as folder:
            await many_departments(service, Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            await ambiguous_post(service, Path(folder))


def main() -> None:
    """Read the options and run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugin-seconds", type=float, default=5.0, help="that each call of a plugin takes")
    parser.add_argument("--complaints", type=int, default=200, help="that come while plugins block, ten a second")
    arguments = parser.parse_args()
    logging.configure("error")
    asyncio.run(measure(arguments.plugin_seconds, arguments.complaints))


if __name__ == "__main__":
    main()
