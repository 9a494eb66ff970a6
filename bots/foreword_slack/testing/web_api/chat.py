"""The methods of `chat` and `reactions`, with which the app writes."""

from __future__ import annotations

import json
from typing import Any

from foreword_slack.testing.block_kit import MESSAGE_BLOCKS, check_blocks, with_ids
from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.state import Channel, Message, PostingRule
from foreword_slack.testing.web_api.method import Call, Method, invalid_arguments


def post_message(call: Call) -> dict[str, Any]:
    """Post a message to a channel, a thread or a person."""
    channel = call.channel()
    _check_may_post(call, channel)
    _take_post(call, channel)
    content = _content(call, most=call.backend.limits.text)
    thread_ts = call.text("thread_ts", "")
    _check_thread(channel, thread_ts)
    client_msg_id = call.text("client_msg_id", "")
    if client_msg_id and call.backend.app.honours_client_msg_id:
        for earlier in call.team.client_messages.get(client_msg_id, ()):
            if earlier.channel_id == channel.id:
                return _posted(channel, earlier)
    message = call.conversations.post(
        call.team,
        channel,
        call.team.bot,
        thread_ts=thread_ts,
        client_msg_id=client_msg_id,
        unfurls=call.arguments.get("unfurl_links", True) not in (False, "false", "0"),
        metadata=_metadata(call),
        parse=_parse(call, default="none"),
        **content,
    )
    if client_msg_id:
        call.team.client_messages.setdefault(client_msg_id, []).append(message)
    return _posted(channel, message)


def post_ephemeral(call: Call) -> dict[str, Any]:
    """Show a message to one user of a channel."""
    channel = call.channel()
    _check_may_post(call, channel)
    user = call.text("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    message = call.conversations.show(
        call.team,
        channel,
        user,
        thread_ts=call.text("thread_ts", ""),
        **_content(call, most=call.backend.limits.text),
    )
    return {"message_ts": message.ts}


def update(call: Call) -> dict[str, Any]:
    """Edit a message of the app."""
    channel = call.channel()
    message = _own_message(call, channel, error="cant_update_message")
    if channel.is_archived:
        raise SlackError("is_archived")
    given = _content(call, most=call.backend.limits.updated_text)
    blocks = given["blocks"] if "blocks" in call.arguments or "text" in call.arguments else message.blocks
    metadata = _metadata(call)
    call.conversations.edit(
        call.team,
        channel,
        message,
        call.team.bot.id,
        given["text"],
        blocks=blocks,
        metadata=message.metadata if metadata is None else metadata,
        parse=_parse(call, default="client"),  # independent of the mode of the post
    )
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": message.as_json()}


def delete(call: Call) -> dict[str, Any]:
    """Delete a message of the app."""
    channel = call.channel()
    message = _own_message(call, channel, error="cant_delete_message")
    call.conversations.delete(call.team, channel, message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(call: Call) -> dict[str, Any]:
    """Return the URL of a message."""
    channel = call.channel()
    message = _message(channel, call.text("message_ts"))
    link = f"https://{call.team.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts and message.thread_ts != message.ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def reactions_add(call: Call) -> dict[str, Any]:
    """Add a reaction of the bot to a message."""
    message = _message(call.channel(), call.text("timestamp"))
    users = message.reactions.setdefault(call.text("name"), [])
    if call.team.bot.id in users:
        raise SlackError("already_reacted")
    users.append(call.team.bot.id)
    call.backend.journal.changed()
    return {}


def reactions_remove(call: Call) -> dict[str, Any]:
    """Remove a reaction of the bot from a message."""
    message = _message(call.channel(), call.text("timestamp"))
    users = message.reactions.get(call.text("name"), [])
    if call.team.bot.id not in users:
        raise SlackError("no_reaction")
    users.remove(call.team.bot.id)
    return {}


def check_content(blocks: Any) -> None:
    """Check the blocks of a message.

    Raises:
        SlackError: `invalid_blocks`, with a message for each fault.
    """
    if faults := check_blocks(blocks, most=MESSAGE_BLOCKS):
        raise SlackError("invalid_blocks", errors=faults, response_metadata={"messages": faults})


def _check_may_post(call: Call, channel: Channel) -> None:
    if channel.is_archived:
        raise SlackError("is_archived")
    is_open = channel.kind == "channel" and "chat:write.public" in call.scopes
    if call.team.bot.id not in channel.members and not is_open:
        raise SlackError("not_in_channel")
    in_thread = bool(call.text("thread_ts", ""))
    refused = {
        PostingRule.NOBODY: True,
        PostingRule.READ_ONLY: True,
        PostingRule.THREADS_ONLY: not in_thread,
        PostingRule.NO_THREADS: in_thread,
    }
    if refused.get(channel.posting):
        raise SlackError(channel.posting.value)


def _take_post(call: Call, channel: Channel) -> None:
    limits, rates = call.backend.limits, call.backend.rates
    rates.take(("posts", channel.id), calls=limits.posts_per_second, seconds=1.0)
    rates.take(("posts of", call.team.id), calls=limits.posts_per_minute, seconds=60.0)


def _content(call: Call, *, most: int) -> dict[str, Any]:
    """Return the checked text and blocks of a call."""
    text, blocks = call.text("text", ""), call.json("blocks", error="invalid_blocks_format")
    if not text and not blocks:
        raise SlackError("no_text")
    if len(text) > most:
        raise SlackError("msg_too_long")
    if blocks is not None:
        check_content(blocks)
        known = call.team.files
        missing = [block for block in blocks if (file := block.get("slack_file")) and file.get("id") not in known]
        if missing:
            raise SlackError("invalid_blocks", response_metadata={"messages": ["[ERROR] invalid slack file"]})
    return {"text": text, "blocks": with_ids(blocks or [], call.backend.ids)}


def _parse(call: Call, *, default: str) -> str:
    parse = call.text("parse", default)
    if parse not in ("none", "full", default):
        raise invalid_arguments([f"[ERROR] invalid parse: {parse}"])
    return parse


def _metadata(call: Call) -> dict[str, Any] | None:
    metadata = call.json("metadata", error="invalid_metadata_format")
    if metadata is None:
        return None
    well_formed = (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )
    if not well_formed:
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata).encode()) > call.backend.limits.metadata_bytes:
        raise SlackError("metadata_too_large")
    return dict(metadata)


def _check_thread(channel: Channel, thread_ts: str) -> None:
    if not thread_ts:
        return
    parent = channel.messages.get(thread_ts)
    # A deleted message with replies leaves a tombstone that accepts further replies; one without replies vanishes.
    if parent is None or (parent.deleted and not channel.thread(thread_ts)):
        raise SlackError("thread_not_found")
    if parent.thread_ts and parent.thread_ts != parent.ts:
        raise SlackError("cannot_reply_to_message")


def _message(channel: Channel, ts: str) -> Message:
    message = channel.messages.get(ts)
    if message is None or message.deleted:
        raise SlackError("message_not_found")
    return message


def _own_message(call: Call, channel: Channel, *, error: str) -> Message:
    message = _message(channel, call.text("ts"))
    if message.user != call.team.bot.id:
        raise SlackError(error)
    return message


def _posted(channel: Channel, message: Message) -> dict[str, Any]:
    return {"channel": channel.id, "ts": message.ts, "message": message.as_json(with_metadata=True)}


_WRITE = ("chat:write",)
METHODS = {
    "chat.postMessage": Method(handler=post_message, tier=Tier.SPECIAL, scopes=_WRITE),
    "chat.postEphemeral": Method(handler=post_ephemeral, tier=Tier.TIER_4, scopes=_WRITE),
    "chat.update": Method(handler=update, tier=Tier.TIER_3, scopes=_WRITE),
    "chat.delete": Method(handler=delete, tier=Tier.TIER_3, scopes=_WRITE),
    "chat.getPermalink": Method(handler=get_permalink, tier=Tier.SPECIAL),
    "reactions.add": Method(handler=reactions_add, tier=Tier.TIER_3, scopes=("reactions:write",)),
    "reactions.remove": Method(handler=reactions_remove, tier=Tier.TIER_2, scopes=("reactions:write",)),
}
