"""The work of the commands: check, run the bot, and report in lines."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace

from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword_slack.app import Bot, build_bot
from foreword_slack.check import Fault, check_app_token, check_config, check_service, check_workspace, find_blocking
from foreword_slack.clock import Clock
from foreword_slack.config import BotConfig
from foreword_slack.health import HealthServer
from foreword_slack.listeners.commands import linked_complaint
from foreword_slack.metrics import render
from foreword_slack.payloads import RETRY, RetryPayload
from foreword_slack.reports import complaint_report, process_report, status_report, work_report
from foreword_slack.secrets import Secrets
from foreword_slack.service import ForewordService
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import NewEvent, Operator, Store


async def check_all(
    config: BotConfig,
    secrets: Secrets,
    *,
    clock: Clock | None = None,
    report: Callable[[str], object] = lambda _: None,
) -> list[Fault]:
    """Return every fault, with the workspaces in the order of the configuration.

    Args:
        clock: Clock of the waits for Slack. Default: the system clock.
        report: Called with a sentence before each wait.
    """
    api = SlackApi(config.slack.api_url, clock=clock, on_wait=report)
    service = ForewordService(config.service, secrets.api_keys)
    try:
        faults = []
        if config.slack.mode == "socket":
            faults += await check_app_token(api.reader(secrets.app_token))
        for team in config.teams:
            found = check_config(team)
            token = secrets.bot_tokens.get(team.team)
            if token or not secrets.oauth:  # tokens of an OAuth installation are in the store
                found += await check_workspace(team, api.reader(token) if token else None)
            found += await check_service(team, service.tenant(team.team))
            faults += [replace(fault, team=team.team) for fault in found]
        return faults
    finally:
        await service.close()
        await api.close()


async def run_bot(config: BotConfig, secrets: Secrets, *, checked: bool, report: Callable[[str], None]) -> None:
    """Run the bot until SIGTERM or Ctrl-C.

    Args:
        checked: Whether to check everything first.
        report: Prints a line.

    Raises:
        FailedPreconditionError: The check found faults that leave no workspace to serve.
    """
    if checked:
        faults = await check_all(config, secrets, report=report)
        blocking = find_blocking(faults, [team.team for team in config.teams])
        if blocking:
            listed = "\n".join(f"  {fault}" for fault in blocking)
            raise FailedPreconditionError(f"The bot cannot work:\n{listed}", reason="SLACK_CHECK_FAILED")
        for fault in faults:
            report(f"Warning: {fault}")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bot = await build_bot(config, secrets)
    health = _health(bot)
    try:
        await bot.start()
        await health.start()
        report(f"Listening for {len(config.teams)} workspaces ({config.slack.mode}).")
        await stop.wait()
        report("Stopping: the work in progress is finished; the rest waits for the next start.")
    finally:
        await health.stop()
        await bot.stop()


def _health(bot: Bot) -> HealthServer:
    health = bot.config.health
    return HealthServer(
        bot.store,
        teams=[team.team for team in bot.config.teams],
        ready=lambda: bot.readiness,
        metrics=lambda overview: render(bot.metrics, bot.state(overview)),
        host=health.host,
        port=health.port,
    )


async def status_lines(store: Store, config: BotConfig) -> list[str]:
    """Return today's counts and the failed work of each workspace, and the running bots."""
    overview = await store.survey(lambda operator: operator.overview())
    states = {team.team: team for team in overview.teams}
    lines = []
    for team in config.teams:
        report = await store.read(team.team, lambda uow, team=team: status_report(uow, team))  # type: ignore[misc]
        lines += [f"{team.team} ({team.tenant})", *(f"  {line}" for line in report.splitlines())]
        if team.team in states:
            lines += [f"  {line}" for line in work_report(states[team.team], overview.time)]
    return [*lines, *process_report(overview.processes)]


async def lookup_lines(store: Store, config: BotConfig, complaint: str, team: str | None) -> list[str]:
    """Return the history of a complaint.

    Raises:
        InvalidArgumentError: The argument is neither a link nor an id, or no complaint has this id.
    """
    id = linked_complaint(complaint)
    if id is None:
        raise InvalidArgumentError.of("COMPLAINT", "must be a link to a message, or CHANNEL:TIMESTAMP")
    for item in config.teams:
        if team in (None, item.team):
            report = await store.read(item.team, lambda uow, item=item: complaint_report(uow, item, id))  # type: ignore[misc]
            if report:
                return [str(line) for line in report.splitlines()]
    raise InvalidArgumentError.of(
        "COMPLAINT", f"{id} is unknown in {team or 'every configured workspace'}; check the link or id"
    )


async def retry_lines(store: Store, team: str | None) -> list[str]:
    """Retry the events and posts that were given up."""

    def revive(operator: Operator) -> tuple[int, int]:
        events = operator.events.revive(team)
        moment = int(operator.now.timestamp() * 1e6)
        for workspace, complaint in operator.posts.refused_complaints(team):
            again = NewEvent(
                team=workspace,
                kind=RETRY,
                dedupe_key=f"{RETRY}:{complaint}:{moment}",
                subject=complaint,
                position=moment,
                payload=RetryPayload(complaint=complaint).values(),
            )
            operator.of(workspace).inbox.add(again)
        return events, operator.posts.revive(team)

    events, posts = await store.operate(revive)
    return [f"To be retried: {events} events, {posts} posts."]
