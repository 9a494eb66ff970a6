"""Conversion of Slack's payloads to events of the inbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from foreword.observability.logging import get_logger
from foreword_slack.listeners.actions import read_action
from foreword_slack.listeners.commands import read_command
from foreword_slack.listeners.messages import read_message_event
from foreword_slack.listeners.shortcuts import read_shortcut
from foreword_slack.listeners.submissions import read_submission
from foreword_slack.store import NewEvent
from foreword_slack.team import Team

_log = get_logger("slack.listeners")

Body = Mapping[str, Any]
Read = Callable[[Body, Team], NewEvent | None]

_BY_TYPE: Mapping[str, Read] = {
    "event_callback": read_message_event,
    "block_actions": read_action,
    "message_action": read_shortcut,
    "view_submission": read_submission,
}


def find_team(body: Body, teams: Mapping[str, Team]) -> Team | None:
    """Return the configured workspace that a payload is for; None if there is none.

    In a channel or a modal that is shared with another organisation, the payload may name the workspace of the person,
    which can use the bot as well. So the workspace in which the app is installed comes first.

    Args:
        teams: The configured workspaces, by id.
    """
    found = (teams.get(id) for id in _workspaces(body))
    return next((team for team in found if team is not None), None)


def _workspaces(body: Body) -> Iterator[str]:
    """Yield the workspaces that a payload names, from the most to the least certain."""
    for authorization in body.get("authorizations") or ():
        yield str(authorization.get("team_id") or "")
    yield str((body.get("view") or {}).get("app_installed_team_id") or "")
    if body.get("type") == "block_actions":
        yield str((body.get("message") or {}).get("team") or "")  # of the bot, which wrote the message
    yield str(body.get("team_id") or "")
    team = body.get("team")
    yield str((team.get("id") if isinstance(team, Mapping) else team) or "")


def read_event(body: Body, teams: Mapping[str, Team]) -> NewEvent | None:
    """Return the event to store before a payload is acknowledged; None if there is nothing to do later.

    Args:
        body: Verified payload of an event, an interaction or a slash command.
        teams: The configured workspaces, by id.
    """
    team = find_team(body, teams)
    if team is None:
        _log.warning("payload_of_unknown_workspace", workspaces=sorted(set(_workspaces(body)) - {""}))
        return None
    read = read_command if "command" in body else _BY_TYPE.get(str(body.get("type")))
    return read(body, team) if read else None
