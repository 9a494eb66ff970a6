"""The `response_url` of an interaction, which accepts five answers within half an hour."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from foreword_slack.testing.backend import Backend
from foreword_slack.testing.block_kit import with_ids
from foreword_slack.testing.conversations import Conversations
from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.handles import ResponseUrl
from foreword_slack.testing.journal import Call
from foreword_slack.testing.web_api.chat import check_content

_METHOD = "response_url"


async def respond(backend: Backend, conversations: Conversations, request: web.Request) -> web.Response:
    """Handle an answer: a new message, or an edit or deletion of the original one."""
    outcome = "ok"
    content: dict[str, Any] = {}
    try:
        url = backend.handles.use_response_url(request.match_info["id"])
        content = _content(await request.read())
        _apply(backend, conversations, url, content)
    except SlackError as error:
        outcome = error.code
    team_id = request.match_info["id"].split("/")[0]
    backend.journal.add_call(
        Call(at=backend.time(), team_id=team_id, method=_METHOD, outcome=outcome, arguments=content)
    )
    if outcome == "ok":
        return web.Response(text="ok")
    return web.json_response({"ok": False, "error": outcome}, status=404 if outcome.endswith("_url") else 200)


def _content(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        raise SlackError("invalid_payload") from None
    if not isinstance(content, dict):
        raise SlackError("invalid_payload")
    if content.get("blocks"):
        check_content(content["blocks"])
    elif not content.get("text") and not content.get("delete_original"):
        raise SlackError("no_text")
    return content


def _apply(backend: Backend, conversations: Conversations, url: ResponseUrl, content: dict[str, Any]) -> None:
    team = backend.teams[url.team_id]
    channel = team.channels[url.channel_id]
    text, blocks = content.get("text", ""), with_ids(content.get("blocks") or [], backend.ids)
    original = channel.messages.get(url.message_ts)
    if content.get("delete_original") and original is not None:
        conversations.delete(team, channel, original)
    elif content.get("replace_original") and original is not None:
        conversations.edit(team, channel, original, team.bot.id, text, blocks=blocks)
    elif content.get("response_type") == "in_channel":
        conversations.post(team, channel, team.bot, text, blocks=blocks, thread_ts=content.get("thread_ts", ""))
    else:
        conversations.show(team, channel, url.user_id, text=text, blocks=blocks, thread_ts=content.get("thread_ts", ""))
