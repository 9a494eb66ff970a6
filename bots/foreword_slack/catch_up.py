"""Recovery of complaints that Slack could not deliver because no bot was running or none answered in time.

Slack repeats an undelivered event for about six minutes, then drops it. The bot therefore reads the history of the
complaint channels at its start and every ten minutes. Known messages are recognised, like every repeated event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword.backoff import Backoff
from foreword.errors import ForewordError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.verdicts import Failure, Verdict, judge
from foreword_slack.inbox import Inbox
from foreword_slack.installations import Installations
from foreword_slack.listeners import read_event
from foreword_slack.store import Operation
from foreword_slack.triage.team import Team

_log = get_logger(__name__)

_INTERVAL_SECONDS = 600.0
_OVERLAP = timedelta(hours=6)  # an event may have been lost while later ones came, and this loop may have been stopped
_LATEST_DELIVERY = timedelta(minutes=10)  # of an event that Slack repeats
_LOOK_BACK = timedelta(days=3)
_PAGE = 200
_MOST_ATTEMPTS = 10
_WORTH_ANOTHER_ATTEMPT = (Verdict.NOT_MADE, Verdict.RATE_LIMITED, Verdict.UNSURE)


class CatchUp:
    """A loop that reads the messages of complaint channels since their newest known complaint.

    A channel without a known complaint is new to the bot: its earlier messages are ignored.

    Args:
        inbox: Receives the missed messages.
        teams: The configured workspaces, by id.
        random: Source of the jitter of waits.
    """

    def __init__(self, inbox: Inbox, installations: Installations, teams: Mapping[str, Team], random: Random) -> None:
        self._inbox, self._installations, self._teams = inbox, installations, teams
        self._backoff, self._random = Backoff(1.0, 60.0, random), random
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start to read, each workspace independently of the others."""
        self._tasks = [asyncio.create_task(self._keep_reading(team)) for team in self._teams.values()]

    async def stop(self) -> None:
        """Stop reading; the next start begins again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_reading(self, team: Team) -> None:
        while True:
            channels = list(team.config.complaint_channels)
            self._random.shuffle(channels)  # even a bot that is stopped often reaches all of them in time
            for channel in channels:
                try:
                    found = await self._read_channel(team, channel)
                except (aiohttp.ClientError, SlackApiError, TimeoutError, ForewordError) as error:
                    _log.warning("channel_not_caught_up", team=team.id, channel=channel, error=type(error).__name__)
                except Exception:  # the loop must not end while the bot appears to be running
                    _log.exception("channel_not_caught_up", team=team.id, channel=channel)
                else:
                    if found:
                        _log.warning("caught_up", team=team.id, channel=channel, found=found)
            await team.clock.sleep(_INTERVAL_SECONDS)

    async def _read_channel(self, team: Team, channel: str) -> int:
        """Put the new messages of a channel into the inbox, and return their number."""
        client = await self._installations.client(team.id)
        if client is None:
            return 0
        known = await team.store.read(team.id, lambda uow: uow.complaints.span(channel))
        if known is None:
            return 0
        since = max(
            float(known.oldest),
            # The oldest may be an old message that a person had routed later; the bot need not have been there then.
            (known.first_receive_time - _LATEST_DELIVERY).timestamp(),
            float(known.newest) - _OVERLAP.total_seconds(),
            (team.clock.now() - _LOOK_BACK).timestamp(),
        )
        seen = await team.store.read(team.id, lambda uow: uow.complaints.timestamps(channel, f"{since:.6f}"))
        found, cursor = 0, ""
        while True:
            page = await self._page(team, client, channel, since, cursor)
            for message in page["messages"]:
                event = None if message["ts"] in seen else read_event(_body(team, channel, message), self._teams)
                if event is not None and await self._inbox.put(event):
                    found += 1
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return found

    async def _page(self, team: Team, client: AsyncWebClient, channel: str, since: float, cursor: str) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await client.conversations_history(
                    channel=channel, oldest=f"{since:.6f}", limit=_PAGE, cursor=cursor or None
                )
            except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
                failure = judge(error, Operation.POST)
                if attempt == _MOST_ATTEMPTS or failure.verdict not in _WORTH_ANOTHER_ATTEMPT:
                    raise
            await self._wait(team, failure, attempt)

    async def _wait(self, team: Team, failure: Failure, attempt: int) -> None:
        await team.clock.sleep(failure.retry_after_seconds or self._backoff.seconds(attempt))


def _body(team: Team, channel: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message of a channel's history as the event that would have delivered it."""
    return {"type": "event_callback", "team_id": team.id, "event": {**message, "channel": channel}}
