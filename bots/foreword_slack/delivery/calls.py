"""The calls to Slack, and the search for a post whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.slack_api import answer_privately
from foreword_slack.store import Operation
from foreword_slack.store.post_queue import Sending
from foreword_slack.verdicts import Verdict, judge

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
        case Operation.EPHEMERAL:
            await client.api_call("chat.postEphemeral", json=content | {"channel": sending.channel})
        case Operation.RESPONSE:
            await _respond(client, content)
        case Operation.HOME:
            await client.api_call("views.publish", json=content | {"user_id": sending.channel})
    return None


async def _respond(client: AsyncWebClient, content: dict[str, Any]) -> None:
    answer = await answer_privately(str(content.pop("response_url")), content, session=client.session)
    if answer.status_code != 200:
        raise SlackApiError(f"The response_url answers {answer.status_code}.", answer)  # type: ignore[no-untyped-call]


async def find(
    client: AsyncWebClient, sending: Sending, skew_seconds: float, *, on_page: Callable[[str], object]
) -> str | Absence:
    """Look in the channel or the thread for a post whose outcome is unknown.

    Reads every message between the posts before and after it, as far as they are known, else since its first attempt.
    An app that is distributed outside Slack's marketplace gets 15 messages a minute, so a search that a rate limit
    interrupts goes on at the page that it has reached.

    Args:
        skew_seconds: Maximum difference between Slack's clock and the bot's.
        on_page: Called with the cursor of the next page after each page; empty if the search has to start again.

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
        "oldest": max(f"{oldest:.6f}", sending.after_ts),
        "inclusive": True,
        "include_all_metadata": True,
        "limit": _PAGE_SIZE,
    }
    if sending.before_ts:
        arguments["latest"] = sending.before_ts
    if sending.look_up_cursor:
        arguments["cursor"] = sending.look_up_cursor
    thread_ts = sending.target_ts or sending.payload.get("thread_ts")
    method = "conversations.history" if thread_ts is None else "conversations.replies"
    if thread_ts is not None:
        arguments["ts"] = thread_ts
    for _ in range(_MAX_PAGES):
        try:
            response = await client.api_call(method, http_verb="GET", params=dict(arguments))
        except SlackApiError as error:
            if "invalid_cursor" in str(error.response):
                on_page("")  # a cursor does not live for ever
                raise
            if judge(error).verdict is Verdict.PERMANENT or "missing_scope" in str(error.response):
                return Absence.UNKNOWN
            raise
        for message in response.get("messages") or ():
            if _is(message, sending):
                return str(message["ts"])
        cursor = (response.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return Absence.ABSENT
        arguments["cursor"] = cursor
        on_page(cursor)
    return Absence.UNKNOWN


def _is(message: Mapping[str, Any], sending: Sending) -> bool:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") == EVENT_TYPE:
        return bool((metadata.get("event_payload") or {}).get("key") == sending.name)
    return message.get("client_msg_id") == client_msg_id(sending.team, sending.name)
