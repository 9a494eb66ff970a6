"""Messages, mentions, edits and deletions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword_slack.listeners.content import is_enclosed, words_of
from foreword_slack.listeners.moments import micros
from foreword_slack.payloads import DELETION, EDIT, HOME, MESSAGE, DeletionPayload, HomePayload, MessagePayload
from foreword_slack.store import NewEvent, complaint_id
from foreword_slack.team import Team

_WRITTEN = (None, "file_share", "me_message", "thread_broadcast")
"""Subtypes of messages that people write; the others report joins, topics, pins and the like."""


def read_message_event(body: Mapping[str, Any], team: Team) -> NewEvent | None:
    """Return the event of a new, edited or deleted complaint, or of an opened App Home; None for everything else."""
    event = body.get("event") or {}
    kind, subtype = event.get("type"), event.get("subtype")
    if kind == "app_home_opened" and event.get("tab", "home") == "home":
        return _home(event, team)
    if kind == "app_mention":
        return _message(event, team)
    if kind != "message":
        return None
    if subtype == "message_changed":
        return _edit(event, team)
    if subtype == "message_deleted":
        return _deletion(event, team)
    listens = event.get("channel") in team.config.complaint_channels or event.get("channel_type") == "im"
    if not listens or subtype not in _WRITTEN:
        return None
    return None if _is_reply(event) else _message(event, team)


def _message(event: Mapping[str, Any], team: Team) -> NewEvent | None:
    if _is_bot(event):
        return None
    channel, ts = str(event["channel"]), str(event["ts"])
    payload = MessagePayload(
        channel=channel,
        ts=ts,
        author=str(event["user"]),
        text=words_of(event),
        enclosed=is_enclosed(event),
        thread_ts=str(event.get("thread_ts") or ts),
    )
    return NewEvent(
        team=team.id,
        kind=MESSAGE,
        # The same key for a message and the mention in it, and for repeated deliveries.
        dedupe_key=f"message:{channel}:{ts}",
        subject=complaint_id(channel, ts),
        position=micros(ts),
        payload=payload.values(),
    )


def _edit(event: Mapping[str, Any], team: Team) -> NewEvent | None:
    message = event.get("message") or {}
    edited = (message.get("edited") or {}).get("ts")
    if message.get("subtype") == "tombstone":  # deleted, but its thread stays
        return _deletion({**event, "deleted_ts": message.get("ts")}, team)
    if not edited or _is_bot(message):
        return None  # not an edit by a person, but an unfurled link
    channel, ts = str(event["channel"]), str(message["ts"])
    payload = MessagePayload(
        channel=channel,
        ts=ts,
        author=str(message["user"]),
        text=words_of(message),
        enclosed=is_enclosed(message),
        thread_ts=str(message.get("thread_ts") or ts),
        reply=_is_reply(message),
        edit_ts=str(edited),
    )
    return NewEvent(
        team=team.id,
        kind=EDIT,
        dedupe_key=f"edit:{channel}:{ts}:{edited}",
        subject=complaint_id(channel, ts),
        position=micros(edited),
        payload=payload.values(),
    )


def _deletion(event: Mapping[str, Any], team: Team) -> NewEvent | None:
    previous = event.get("previous_message") or {}
    ts = event.get("deleted_ts") or previous.get("ts")
    if not ts or (previous and _is_bot(previous)):
        return None
    channel = str(event["channel"])
    return NewEvent(
        team=team.id,
        kind=DELETION,
        dedupe_key=f"deletion:{channel}:{ts}",
        subject=complaint_id(channel, str(ts)),
        position=micros(event.get("event_ts") or event.get("ts") or ts),
        payload=DeletionPayload(channel=channel, ts=str(ts)).values(),
    )


def _home(event: Mapping[str, Any], team: Team) -> NewEvent:
    user, ts = str(event["user"]), str(event.get("event_ts") or "0")
    return NewEvent(
        team=team.id,
        kind=HOME,
        dedupe_key=f"home:{user}:{ts}",
        subject=f"home:{user}",
        position=micros(ts),
        payload=HomePayload(user=user).values(),
    )


def _is_reply(message: Mapping[str, Any]) -> bool:
    """Return whether a message is only in a thread, and not in the channel as well."""
    threaded = message.get("thread_ts") not in (None, message.get("ts"))
    return threaded and message.get("subtype") != "thread_broadcast"


def _is_bot(message: Mapping[str, Any]) -> bool:
    user = message.get("user")
    return not user or bool(message.get("bot_id")) or user == "USLACKBOT"
