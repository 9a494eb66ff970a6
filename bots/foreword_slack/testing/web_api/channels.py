"""The methods of `conversations`, with which the app reads channels."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.state import Channel, Message
from foreword_slack.testing.web_api.method import Call, Method, page

_DISTRIBUTED_PAGE = 15
_KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im"}
_PREFIXES = {"channel": "channels", "group": "groups", "im": "im"}


def info(call: Call) -> dict[str, Any]:
    """Return a channel."""
    channel = call.channel()
    call.need_any(f"{_PREFIXES[channel.kind]}:read")
    return {"channel": channel.as_json(call.team.bot.id)}


def list_channels(call: Call) -> dict[str, Any]:
    """Return a page of the channels that the app can see."""
    kinds = [_KINDS.get(name.strip()) for name in call.text("types", "public_channel").split(",")]
    if None in kinds:
        raise SlackError("invalid_types")
    for kind in kinds:
        call.need_any(f"{_PREFIXES[str(kind)]}:read")
    bot = call.team.bot.id
    found = [
        channel
        for channel in call.team.channels.values()
        if channel.kind in kinds
        and (channel.kind == "channel" or bot in channel.members)
        and not (channel.is_archived and call.flag("exclude_archived"))
    ]
    shown, following = page(found, call, default=100, most=1000)
    return {"channels": [channel.as_json(bot) for channel in shown], **following}


def history(call: Call) -> dict[str, Any]:
    """Return a page of a channel's messages, newest first, without replies."""
    channel = _readable(call)
    found = [item for item in channel.messages.values() if _is_listed(channel, item)]
    # A cursor names the message that it goes on before, so that new messages do not move the pages.
    before = call.text("cursor", "").removeprefix("before_") or "9" * 10
    listed = sorted((item for item in _within(call, found) if item.ts < before), key=lambda item: item.ts, reverse=True)
    limit = min(call.number("limit", 100, most=999), _history_limit(call))
    shown, rest = listed[:limit], listed[limit:]
    return {
        "messages": [_as_json(call, channel, item) for item in shown],
        "has_more": bool(rest),
        "response_metadata": {"next_cursor": f"before_{shown[-1].ts}" if rest else ""},
    }


def replies(call: Call) -> dict[str, Any]:
    """Return a page with a message and its replies, oldest first."""
    channel = _readable(call)
    ts = call.text("ts")
    parent = channel.messages.get(ts)
    thread = channel.thread(ts)
    if parent is None or (parent.deleted and not thread):
        raise SlackError("thread_not_found")
    shown, following = page([parent, *_within(call, thread)], call, default=1000, most=1000, cap=_history_limit(call))
    return {
        "messages": [_as_json(call, channel, item) for item in shown],
        "has_more": bool(following["response_metadata"]["next_cursor"]),
        **following,
    }


def members(call: Call) -> dict[str, Any]:
    """Return a page of the members of a channel."""
    channel = call.channel()
    call.need_any(f"{_PREFIXES[channel.kind]}:read")
    shown, following = page(sorted(channel.members), call, default=100, most=1000)
    return {"members": shown, **following}


def join(call: Call) -> dict[str, Any]:
    """Add the bot to a public channel."""
    channel = call.channel()
    if channel.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    call.conversations.join(call.team, channel, call.team.bot)
    return {"channel": channel.as_json(call.team.bot.id)}


def open_direct(call: Call) -> dict[str, Any]:
    """Open the direct conversation of the bot with a user."""
    user = call.text("users")
    if user not in call.team.users or user == call.team.bot.id:
        raise SlackError("user_not_found")
    return {"channel": {"id": call.backend.open_direct_channel(call.team, user).id}}


def _readable(call: Call) -> Channel:
    channel = call.channel()
    call.need_any(f"{_PREFIXES[channel.kind]}:history")
    if call.team.bot.id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _is_listed(channel: Channel, message: Message) -> bool:
    """Return whether the history shows a message: no reply, and not deleted unless its thread stays."""
    if message.thread_ts not in ("", message.ts):
        return False
    return not message.deleted or bool(channel.thread(message.ts))


def _history_limit(call: Call) -> int:
    return _DISTRIBUTED_PAGE if call.backend.app.is_distributed else 999


def _within(call: Call, found: list[Message]) -> list[Message]:
    oldest, latest = call.text("oldest", "0"), call.text("latest", "9" * 10)
    try:
        low, high = float(oldest), float(latest)
    except ValueError:
        raise SlackError("invalid_ts_oldest") from None
    if call.flag("inclusive"):
        return [item for item in found if low <= float(item.ts) <= high]
    return [item for item in found if low < float(item.ts) < high]


def _as_json(call: Call, channel: Channel, message: Message) -> dict[str, Any]:
    shows_metadata = call.flag("include_all_metadata") and "metadata.message:read" in call.scopes
    if message.deleted:
        found: dict[str, Any] = {
            "type": "message",
            "subtype": "tombstone",
            "ts": message.ts,
            "text": "This message was deleted.",
        }
    else:
        found = message.as_json(with_metadata=shows_metadata)
    if thread := channel.thread(message.ts):
        found |= {"thread_ts": message.ts, "reply_count": len(thread), "latest_reply": thread[-1].ts}
    return found


METHODS = {
    "conversations.info": Method(handler=info, tier=Tier.TIER_3),
    "conversations.list": Method(handler=list_channels, tier=Tier.TIER_2),
    "conversations.history": Method(handler=history, tier=Tier.TIER_3),
    "conversations.replies": Method(handler=replies, tier=Tier.TIER_3),
    "conversations.members": Method(handler=members, tier=Tier.TIER_4),
    "conversations.join": Method(handler=join, tier=Tier.TIER_3, scopes=("channels:join",)),
    "conversations.open": Method(handler=open_direct, tier=Tier.TIER_3, scopes=("im:write",)),
}
