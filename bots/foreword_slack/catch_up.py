"""Complaints that Slack could not deliver, because no bot was there or none could answer in time.

Slack sends an event again for some six minutes, then never more. So the bot reads the history of the complaint channels
when it starts and every ten minutes; what is known already is recognised, as every event that comes twice.
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

from foreword.errors import ForewordError
from foreword.observability.logging import get_logger
from foreword_slack.backoff import Backoff
from foreword_slack.delivery.verdicts import Failure, Verdict, judge
from foreword_slack.inbox import Inbox
from foreword_slack.installations import Installations
from foreword_slack.listeners import read_event
from foreword_slack.store import Operation
from foreword_slack.triage.team import Team

_log = get_logger(__name__)

_INTERVAL_SECONDS = 600.0
_OVERLAP = timedelta(hours=6)  # an event may have been lost while later ones came, and this loop may have been stopped
_LATEST_DELIVERY = timedelta(minutes=10)  # of an event that Slack has to send again
_LOOK_BACK = timedelta(days=3)
_PAGE = 200
_MOST_ATTEMPTS = 10
_WORTH_ANOTHER_ATTEMPT = (Verdict.NOT_MADE, Verdict.RATE_LIMITED, Verdict.UNSURE)


class CatchUp:
    """Reads, at the start and again and again, what complaint channels have got since their newest known complaint.

    A channel without a known complaint is new to the bot: what was written there before is none of its business.

    Args:
        inbox: Takes what was missed.
        teams: The configured workspaces, by id.
        random: Where the jitter of waits comes from.
    """

    def __init__(self, inbox: Inbox, installations: Installations, teams: Mapping[str, Team], random: Random) -> None:
        self._inbox, self._installations, self._teams = inbox, installations, teams
        self._backoff, self._random = Backoff(1.0, 60.0, random), random
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to read; the workspaces do not wait for one another."""
        self._tasks = [asyncio.create_task(self._keep_reading(team)) for team in self._teams.values()]

    async def stop(self) -> None:
        """Reads no further; the next start begins anew."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_reading(self, team: Team) -> None:
        while True:
            channels = list(team.config.complaint_channels)
            self._random.shuffle(channels)  # a bot that is stopped often gets to all of them, too
            for channel in channels:
                try:
                    found = await self._read_channel(team, channel)
                except (aiohttp.ClientError, SlackApiError, TimeoutError, ForewordError) as error:
                    _log.warning("channel_not_caught_up", team=team.id, channel=channel, error=type(error).__name__)
                except Exception:  # the loop must not end while the bot seems to live
                    _log.exception("channel_not_caught_up", team=team.id, channel=channel)
                else:
                    if found:
                        _log.warning("caught_up", team=team.id, channel=channel, found=found)
            await team.clock.sleep(_INTERVAL_SECONDS)

    async def _read_channel(self, team: Team, channel: str) -> int:
        """Puts what is new of a channel into the inbox and tells how much it was."""
        client = await self._installations.client(team.id)
        if client is None:
            return 0
        known = await team.store.read(team.id, lambda uow: uow.complaints.span(channel))
        if known is None:
            return 0
        since = max(
            float(known.oldest),
            # The oldest may be an old message that somebody had routed; it does not make the bot any older.
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
    """A message of a history as the event that told of it."""
    return {"type": "event_callback", "team_id": team.id, "event": {**message, "channel": channel}}
