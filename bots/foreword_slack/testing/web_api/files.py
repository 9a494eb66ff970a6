"""The methods of `files`: uploads in three steps, and the URL that receives the bytes."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from foreword_slack.testing.backend import Backend
from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.state import UploadedFile
from foreword_slack.testing.web_api.method import Call, Method, invalid_arguments


def get_upload_url_external(call: Call) -> dict[str, Any]:
    """Return a URL for the bytes, the first step of an upload."""
    try:
        length = int(call.text("length"))
    except ValueError:
        raise invalid_arguments(["[ERROR] must be a number [json-pointer:/length]"]) from None
    file = UploadedFile(id=call.backend.ids.next("F"), team_id=call.team.id, name=call.text("filename"), length=length)
    call.team.files[file.id] = file
    return {"upload_url": f"{call.backend.base_url}/upload/v1/{call.team.id}/{file.id}", "file_id": file.id}


async def receive(backend: Backend, request: web.Request) -> web.Response:
    """Receive the bytes as plain body or form, the second step of an upload."""
    team = backend.teams.get(request.match_info["team"])
    file = team.files.get(request.match_info["file"]) if team else None
    if file is None:
        return web.Response(status=404, text="no such upload")
    content = await request.read()
    if request.content_type == "multipart/form-data":
        parts = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
        content = parts[0].file.read() if parts else b""
    if len(content) != file.length:
        return web.Response(status=500, text=f"announced {file.length} bytes, received {len(content)}")
    file.content = content
    return web.Response(text=f"OK - {len(content)}")


def complete_upload_external(call: Call) -> dict[str, Any]:
    """Complete an upload and share the files in the given channels, the third step."""
    listed = call.json("files")
    if not isinstance(listed, list) or not listed:
        raise invalid_arguments(["[ERROR] missing required field: files"])
    files = []
    for item in listed:
        file = call.team.files.get(str(item.get("id")))
        if file is None or file.content is None:
            raise SlackError("file_not_found")
        file.title = item.get("title") or file.name
        file.completed = True
        files.append(file)
    for id in filter(None, [call.text("channel_id", ""), *call.text("channels", "").split(",")]):
        channel = call.team.channels.get(id)
        if channel is None or call.team.bot.id not in channel.members:
            raise SlackError("channel_not_found")
        comment = call.text("initial_comment", "")
        thread_ts = call.text("thread_ts", "")
        shared = [file.id for file in files]
        call.conversations.post(call.team, channel, call.team.bot, comment, thread_ts=thread_ts, files=shared)
    return {"files": [file.as_json() for file in files]}


METHODS = {
    "files.getUploadURLExternal": Method(handler=get_upload_url_external, tier=Tier.TIER_4, scopes=("files:write",)),
    "files.completeUploadExternal": Method(handler=complete_upload_external, tier=Tier.TIER_4, scopes=("files:write",)),
}
