"""The calls to Slack, and the search for a post whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.delivery.verdicts import Verdict, judge
from foreword_slack.store import Operation
from foreword_slack.store.post_queue import Sending

EVENT_TYPE = "foreword_post"
"""The type of the metadata that every message of the bot carries; its payload holds the post's name as `key`."""

_PAGE_SIZE = 200
_MAX_PAGES = 25


class Absence(Enum):
    """The reason why a post was not found."""

    ABSENT = "absent"  # the post does not exist
    UNKNOWN = "unknown"  # the search could not decide


def client_msg_id(team: str, name: str) -> str:
    """Return the id by which Slack recognises a repeated post."""
    return str(uuid5(NAMESPACE_URL, f"foreword-slack:{team}/{name}"))


async def call(client: AsyncWebClient, sending: Sending) -> str | None:
    """Make a call.

    Returns:
        Slack's timestamp of the message, if the call posted one.

    Raises:
        SlackApiError: Slack refused the call, or its answer was invalid.
        aiohttp.ClientError: The connection failed.
    """
    content = dict(sending.payload)
    match sending.operation:
        case Operation.POST:
            if sending.target_ts is not None:
                content["thread_ts"] = sending.target_ts
            content |= {
                "channel": sending.channel,
                "client_msg_id": client_msg_id(sending.team, sending.name),
                "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": sending.name}},
                "unfurl_links": False,
                "unfurl_media": False,
            }
            response = await client.api_call("chat.postMessage", json=content)
            return str(response["ts"])
        case Operation.UPDATE:
            # The text of a post is literal by default, but that of an update is searched for names and links.
            content |= {"channel": sending.channel, "ts": sending.target_ts, "parse": "none"}
            await client.api_call("chat.update", json=content)
        case Operation.DELETE:
            await client.api_call("chat.delete", json={"channel": sending.channel, "ts": sending.target_ts})
        case Operation.EPHEMERAL:
            await client.api_call("chat.postEphemeral", json=content | {"channel": sending.channel})
        case Operation.REACTION:
            await client.api_call("reactions.add", json=content | {"channel": sending.channel})
        case Operation.HOME:
            await client.api_call("views.publish", json=content | {"user_id": sending.channel})
    return None


async def find(client: AsyncWebClient, sending: Sending, skew_seconds: float) -> str | Absence:
    """Look in the channel or the thread for a post whose outcome is unknown.

    Reads every message since the first attempt, with one call for 200 messages.

    Args:
        skew_seconds: Maximum difference between Slack's clock and the bot's.

    Returns:
        Slack's timestamp of the post, or the reason why it was not found.

    Raises:
        SlackApiError: The search failed, but may succeed later.
        aiohttp.ClientError: The connection failed.
    """
    if sending.operation is not Operation.POST:
        return Absence.UNKNOWN
    oldest = (sending.first_send_time - timedelta(seconds=skew_seconds)).timestamp()
    arguments: dict[str, Any] = {
        "channel": sending.channel,
        "oldest": f"{oldest:.6f}",
        "inclusive": True,
        "include_all_metadata": True,
        "limit": _PAGE_SIZE,
    }
    thread_ts = sending.target_ts or sending.payload.get("thread_ts")
    method = "conversations.history" if thread_ts is None else "conversations.replies"
    if thread_ts is not None:
        arguments["ts"] = thread_ts
    for _ in range(_MAX_PAGES):
        try:
            response = await client.api_call(method, http_verb="GET", params=dict(arguments))
        except SlackApiError as error:
            if judge(error, Operation.POST).verdict is Verdict.PERMANENT or "missing_scope" in str(error.response):
                return Absence.UNKNOWN
            raise
        for message in response.get("messages") or ():
            if _is(message, sending):
                return str(message["ts"])
        cursor = (response.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return Absence.ABSENT
        arguments["cursor"] = cursor
    return Absence.UNKNOWN


def _is(message: Mapping[str, Any], sending: Sending) -> bool:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") == EVENT_TYPE:
        return bool((metadata.get("event_payload") or {}).get("key") == sending.name)
    return message.get("client_msg_id") == client_msg_id(sending.team, sending.name)
