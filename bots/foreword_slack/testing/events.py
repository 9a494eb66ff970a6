"""Event payloads of Slack's Events API. See https://docs.slack.dev/reference/events."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing.app import App
from foreword_slack.testing.ids import Ids
from foreword_slack.testing.state import Channel, Message, Team

_SUBSCRIPTIONS = {"im": "message.im", "group": "message.groups", "channel": "message.channels"}


def envelope(app: App, team: Team, event: dict[str, Any], *, ids: Ids, time: float) -> dict[str, Any]:
    """Return the envelope in which an event is sent."""
    return {
        "token": app.verification_token,
        "team_id": team.id,
        "context_team_id": team.id,
        "api_app_id": app.id,
        "event": event,
        "type": "event_callback",
        "event_id": ids.next("Ev"),
        "event_time": int(time),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team.id,
                "user_id": team.bot.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": ids.next("4-"),
    }


def rate_limited(app: App, team: Team, *, time: float) -> dict[str, Any]:
    """Return the notice that events of a minute were dropped."""
    return {
        "token": app.verification_token,
        "type": "app_rate_limited",
        "team_id": team.id,
        "minute_rate_limited": int(time) // 60 * 60,
        "api_app_id": app.id,
    }


def posted(app: App, team: Team, channel: Channel, message: Message) -> list[dict[str, Any]]:
    """Return the events that a new message causes for the app: `message`, `app_mention`, both or none."""
    if not _sees(team, channel):
        return []
    event = {
        **message.as_json(with_metadata=True),
        "channel": channel.id,
        "event_ts": message.ts,
        "channel_type": channel.kind,
    }
    found = []
    if _SUBSCRIPTIONS[channel.kind] in app.events and not team.mentions_only:
        found.append(event)
    mentioned = f"<@{team.bot.id}>" in message.text and not channel.is_im and message.user != team.bot.id
    if mentioned and "app_mention" in app.events:
        mention = {key: value for key, value in event.items() if key != "channel_type"}
        found.append({**mention, "type": "app_mention"})
    return found


def changed(
    app: App, team: Team, channel: Channel, message: Message, previous: dict[str, Any], *, ts: str
) -> list[dict[str, Any]]:
    """Return the event of an edit, if the app can see the message."""
    return _hidden(app, team, channel, ts, subtype="message_changed", message=message.as_json(), previous=previous)


def deleted(app: App, team: Team, channel: Channel, message: Message, *, ts: str) -> list[dict[str, Any]]:
    """Return the event of a deletion, if the app can see the message."""
    return _hidden(app, team, channel, ts, subtype="message_deleted", deleted_ts=message.ts, previous=message.as_json())


def home_opened(team: Team, user: str, channel: Channel, *, ts: str) -> dict[str, Any]:
    """Return the event of a user who opens the app's home."""
    event = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": "home", "event_ts": ts}
    view = team.homes.get(user)
    return event if view is None else {**event, "view": view.as_json()}


def joined(channel: Channel, user: str, *, inviter: str, ts: str) -> dict[str, Any]:
    """Return the event of a user or the bot who joined a channel."""
    return {
        "type": "member_joined_channel",
        "user": user,
        "channel": channel.id,
        "channel_type": "G" if channel.is_private else "C",
        "team": channel.team_id,
        "inviter": inviter,
        "event_ts": ts,
    }


def archived(channel: Channel, user: str, *, ts: str) -> dict[str, Any]:
    """Return the event of an archived channel."""
    return {"type": "channel_archive", "channel": channel.id, "user": user, "event_ts": ts}


def tokens_revoked(team: Team, *, ts: str) -> dict[str, Any]:
    """Return the event of the bot's revoked tokens."""
    return {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [team.bot.id]}, "event_ts": ts}


def app_uninstalled(*, ts: str) -> dict[str, Any]:
    """Return the event of the app's removal from a workspace."""
    return {"type": "app_uninstalled", "event_ts": ts}


def _sees(team: Team, channel: Channel) -> bool:
    return team.bot.id in channel.members


def _hidden(
    app: App, team: Team, channel: Channel, ts: str, *, subtype: str, previous: dict[str, Any], **fields: Any
) -> list[dict[str, Any]]:
    if not _sees(team, channel) or team.mentions_only or _SUBSCRIPTIONS[channel.kind] not in app.events:
        return []
    return [
        {
            "type": "message",
            "subtype": subtype,
            "hidden": True,
            "channel": channel.id,
            "channel_type": channel.kind,
            "ts": ts,
            "event_ts": ts,
            "previous_message": previous,
            **fields,
        }
    ]
