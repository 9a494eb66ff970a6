"""The slash command `/foreword`: route a text, look up a complaint, show the status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foreword_slack.markup import escape
from foreword_slack.payloads import MESSAGE, MessagePayload
from foreword_slack.reports import complaint_report, status_report
from foreword_slack.store import NewEvent, complaint_id
from foreword_slack.team import Team

COMMAND = "/foreword"
HELP = (
    "`/foreword route TEXT` routes TEXT as a complaint\n"
    "`/foreword lookup LINK` shows the history of a complaint; copy the link from the message\n"
    "`/foreword status` shows today's counts\n"
    "`/foreword help` shows this help"
)
_LINK = re.compile(r"/archives/([CDG][A-Z0-9]+)/p(\d{10,})(\d{6})")
_ID = re.compile(r"([CDG][A-Z0-9]+):(\S+)")


def read_command(body: Mapping[str, Any], team: Team) -> NewEvent | None:
    """Return the complaint of `route`; None for the other subcommands, which are answered at once."""
    verb, text = _split(body)
    if body.get("command") != COMMAND or verb != "route" or not text:
        return None
    # There is no message, so the id comes from the invocation.
    ts = f"command-{body['trigger_id']}"
    payload = MessagePayload(
        channel=str(body["channel_id"]),
        ts=ts,
        author=str(body["user_id"]),
        text=text,
        asker=str(body["user_id"]),
        response_url=str(body.get("response_url") or ""),
        linked=False,
    )
    return NewEvent(
        team=team.id,
        kind=MESSAGE,
        dedupe_key=f"message:{payload.channel}:{ts}",
        subject=complaint_id(payload.channel, ts),
        position=0,  # the only event of its subject
        payload=payload.values(),
    )


async def answer(body: Mapping[str, Any], team: Team | None) -> str:
    """Return the immediate reply to the command, in Slack's format."""
    if team is None:
        return "This workspace is not configured. Ask the operator of Foreword to add it to the bot's configuration."
    verb, text = _split(body)
    if verb == "route" and text:
        return "Received. The result will be shown here."
    if verb == "status":
        return escape(await team.store.read(team.id, lambda uow: status_report(uow, team.config)))
    if verb == "lookup":
        id = linked_complaint(text)
        if id is None:
            return (
                "Type `/foreword lookup LINK`. To copy the link of a complaint, choose *Copy link* in its message menu."
            )
        report = await team.store.read(team.id, lambda uow: complaint_report(uow, team.config, id))
        return escape(report) if report else "No such complaint. It may be older than the bot."
    return HELP


def linked_complaint(text: str) -> str | None:
    """Return the id of the complaint that a link or an id identifies; None if the text is neither."""
    found = _LINK.search(text)
    if found:
        return complaint_id(found.group(1), f"{found.group(2)}.{found.group(3)}")
    return text if _ID.fullmatch(text) else None


def _split(body: Mapping[str, Any]) -> tuple[str, str]:
    verb, *rest = str(body.get("text") or "").split(maxsplit=1) or [""]
    return verb.lower(), "".join(rest).strip()
