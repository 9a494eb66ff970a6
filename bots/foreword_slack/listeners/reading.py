"""Conversion of Slack's payloads to events of the inbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from foreword_slack.listeners.actions import read_action
from foreword_slack.listeners.commands import read_command
from foreword_slack.listeners.messages import read_message_event
from foreword_slack.listeners.shortcuts import read_shortcut
from foreword_slack.listeners.submissions import read_submission
from foreword_slack.store import NewEvent
from foreword_slack.triage.team import Team

Body = Mapping[str, Any]
Read = Callable[[Body, Team], NewEvent | None]

_BY_TYPE: Mapping[str, Read] = {
    "event_callback": read_message_event,
    "block_actions": read_action,
    "message_action": read_shortcut,
    "view_submission": read_submission,
}


def team_of(body: Body) -> str:
    """Return Slack's id of the workspace that a payload is for."""
    for authorization in body.get("authorizations") or ():
        if authorization.get("team_id"):
            return str(authorization["team_id"])
    team = body.get("team")
    return str(body.get("team_id") or (team.get("id") if isinstance(team, Mapping) else team) or "")


def read_event(body: Body, teams: Mapping[str, Team]) -> NewEvent | None:
    """Return the event to store before a payload is acknowledged; None if there is nothing to do later.

    Args:
        body: Verified payload of an event, an interaction or a slash command.
        teams: The configured workspaces, by id.
    """
    team = teams.get(team_of(body))
    if team is None:
        return None
    read = read_command if "command" in body else _BY_TYPE.get(str(body.get("type")))
    return read(body, team) if read else None
