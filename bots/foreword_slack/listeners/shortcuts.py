"""The message shortcut "Route this complaint"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword_slack.listeners.content import is_enclosed, words_of
from foreword_slack.listeners.moments import micros
from foreword_slack.payloads import MESSAGE, MessagePayload
from foreword_slack.store import NewEvent, complaint_id
from foreword_slack.team import Team

ROUTE = "route_complaint"


def read_shortcut(body: Mapping[str, Any], team: Team) -> NewEvent | None:
    """Return the selected message as a complaint, even if a bot wrote it, such as a mailed form."""
    message = body.get("message") or {}
    if body.get("callback_id") != ROUTE or not message.get("ts"):
        return None
    channel, ts = str(body["channel"]["id"]), str(message["ts"])
    listens = channel in team.config.complaint_channels
    payload = MessagePayload(
        channel=channel,
        ts=ts,
        author=str(message.get("user") or ""),
        text=words_of(message),
        enclosed=is_enclosed(message),
        thread_ts=str(message.get("thread_ts") or ts) if listens else None,
        asker=str(body["user"]["id"]),
        response_url=str(body.get("response_url") or ""),
    )
    return NewEvent(
        team=team.id,
        kind=MESSAGE,
        dedupe_key=f"message:{channel}:{ts}",
        subject=complaint_id(channel, ts),
        position=micros(ts),
        payload=payload.values(),
    )
