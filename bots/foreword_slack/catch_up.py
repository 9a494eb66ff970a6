"""Recovery of what Slack could not deliver because no bot was running or none answered in time.

Slack repeats an undelivered event for about six minutes, then drops it. The bot therefore reads the history of the
complaint channels at its start and every ten minutes: it handles messages that it does not know, edits that it has not
seen, and deletions of messages that are gone. Known events are recognised, like every repeated event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from foreword.errors import ForewordError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.clients import TokenNotRenewedError
from foreword_slack.inbox import Inbox
from foreword_slack.installations import Installations
from foreword_slack.listeners import read_event
from foreword_slack.markup import without_surrogates
from foreword_slack.store.complaints import KnownMessage
from foreword_slack.team import Team

_log = get_logger(__name__)

_INTERVAL_SECONDS = 600.0
_OVERLAP = timedelta(hours=6)  # an event may have been lost while later ones came, and this loop may have been stopped
_LATEST_DELIVERY = timedelta(minutes=10)  # of an event that Slack repeats
_LOOK_BACK = timedelta(days=3)
_SETTLED = timedelta(minutes=1)  # a younger message is not missed in the history
_PAGE = 200


class CatchUp:
    """A loop that reads the messages of complaint channels since their newest known complaint.

    The first reading goes back three days, because people may have edited and deleted older complaints meanwhile. A
    channel without a known complaint is new to the bot: its earlier messages are ignored.

    Args:
        inbox: Receives the missed events.
        teams: The configured workspaces, by id.
        random: Source of the order of the channels.
    """

    def __init__(self, inbox: Inbox, installations: Installations, teams: Mapping[str, Team], random: Random) -> None:
        self._inbox, self._installations, self._teams = inbox, installations, teams
        self._random = random
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
        looked_back: set[str] = set()
        while True:
            channels = list(team.config.complaint_channels)
            self._random.shuffle(channels)  # even a bot that is stopped often reaches all of them in time
            for channel in channels:
                try:
                    found = await self._read_channel(team, channel, is_first=channel not in looked_back)
                except (aiohttp.ClientError, SlackApiError, TimeoutError, TokenNotRenewedError, ForewordError) as error:
                    _log.warning("channel_not_caught_up", team=team.id, channel=channel, error=type(error).__name__)
                except Exception:  # the loop must not end while the bot appears to be running
                    _log.exception("channel_not_caught_up", team=team.id, channel=channel)
                else:
                    if found is not None:
                        looked_back.add(channel)
                    if found:
                        _log.warning("caught_up", team=team.id, channel=channel, found=found)
            await team.clock.sleep(_INTERVAL_SECONDS)

    async def _read_channel(self, team: Team, channel: str, *, is_first: bool) -> int | None:
        """Put the missed events of a channel into the inbox; return their number, or None without a valid token."""
        client = await self._installations.client(team.id, reads=True)
        if client is None:
            return None
        span = await team.store.read(team.id, lambda uow: uow.complaints.span(channel))
        if span is None:
            return 0
        begin = team.clock.now()
        since = max(
            float(span.oldest),
            # The oldest may be an old message that a person had routed later; the bot need not have been there then.
            (span.first_receive_time - _LATEST_DELIVERY).timestamp(),
            (begin - _LOOK_BACK).timestamp(),
            0.0 if is_first else float(span.newest) - _OVERLAP.total_seconds(),
        )
        known = await team.store.read(team.id, lambda uow: uow.complaints.known(channel, f"{since:.6f}"))
        found, cursor, shown = 0, "", set()
        while True:
            page = await client.conversations_history(
                channel=channel, oldest=f"{since:.6f}", inclusive=True, limit=_PAGE, cursor=cursor or None
            )
            for message in page["messages"]:
                if message.get("subtype") != "tombstone":  # what is left of a deleted message with replies
                    shown.add(message["ts"])
                    found += await self._put(team, _missed(team, channel, message, known.get(message["ts"])))
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        settled = f"{(begin - _SETTLED).timestamp():.6f}"
        for ts in sorted(ts for ts, message in known.items() if message.is_listed and ts < settled and ts not in shown):
            found += await self._put(team, _deletion(team, channel, ts, now=begin.timestamp()))
        return found

    async def _put(self, team: Team, body: Mapping[str, Any] | None) -> int:
        event = None if body is None else read_event(body, self._teams)
        return int(event is not None and await self._inbox.put(event))


def _missed(team: Team, channel: str, message: Mapping[str, Any], known: KnownMessage | None) -> dict[str, Any] | None:
    """Return the event that would have delivered a message or its last edit; None if it was delivered."""
    if known is None:
        return _body(team, {**message, "channel": channel})
    edited = str((message.get("edited") or {}).get("ts") or "")
    if edited <= (known.edit_ts or ""):
        return None
    return _body(team, {"type": "message", "subtype": "message_changed", "channel": channel, "message": message})


def _deletion(team: Team, channel: str, ts: str, *, now: float) -> dict[str, Any]:
    event = {"type": "message", "subtype": "message_deleted", "channel": channel, "deleted_ts": ts}
    return _body(team, {**event, "event_ts": f"{now:.6f}"})


def _body(team: Team, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload that would have delivered an event."""
    payload: dict[str, Any] = without_surrogates({"type": "event_callback", "team_id": team.id, "event": event})
    return payload
