"""The window of administrators: labels to channels, and thresholds. Saved before Slack is told, with who did it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword.observability.logging import get_logger
from foreword_slack.store import UnitOfWork
from foreword_slack.triage.team import MAPPING, Team
from foreword_slack.views.settings import channel_block, read_settings, settings_modal

_log = get_logger("slack.settings")


async def open_settings(team: Team, body: Mapping[str, Any], client: AsyncWebClient) -> None:
    """Opens the window for an administrator; nobody else has the button, and nobody else gets it."""
    if body["user"]["id"] not in team.config.administrators:
        return
    policy = await team.store.read(team.id, team.policy)
    try:
        await client.views_open(trigger_id=str(body["trigger_id"]), view=settings_modal(policy))
    except SlackApiError as error:
        # Too late for the trigger, mostly; another click opens the window.
        _log.warning("window_not_opened", reason=str(error.response.get("error", "")))


async def save_settings(team: Team, body: Mapping[str, Any], client: AsyncWebClient) -> dict[str, str]:
    """Saves what an administrator submitted.

    Returns:
        What is wrong, by the block that it stands in; empty when it was saved.
    """
    actor = str(body["user"]["id"])
    policy = await team.store.read(team.id, team.policy)
    changes, faults = read_settings(body["view"], policy)
    if actor not in team.config.administrators:
        return dict.fromkeys([channel_block(policy, label) for label in policy.departments], "Only administrators may.")
    for label, changed in changes.items():
        fault = await _channel_fault(team, changed.get("channel"), client)
        if fault:
            faults[channel_block(policy, label)] = fault
    if not faults and changes:
        await team.store.write(team.id, lambda uow: _save(uow, changes, actor))
    return faults


async def _channel_fault(team: Team, channel: str | None, client: AsyncWebClient) -> str:
    """Why a department cannot be told in a channel; empty when it can."""
    if channel is None:
        return ""
    if channel in team.config.complaint_channels:
        return "This is a channel for complaints: talk about them would be routed."
    try:
        found = (await client.conversations_info(channel=channel))["channel"]
    except SlackApiError as error:
        return f"Slack does not know it: {error.response.get('error')}."
    if found.get("is_archived"):
        return "It is archived."
    return "" if found.get("is_member") else "Invite the bot to it first."


def _save(uow: UnitOfWork, changes: Mapping[str, Mapping[str, Any]], actor: str) -> None:
    mapping: dict[str, dict[str, Any]] = dict(uow.overrides.all().get(MAPPING) or {})
    for label, changed in changes.items():
        merged = {**mapping.get(label, {}), **changed}
        mapping[label] = {name: value for name, value in merged.items() if value is not None}
    uow.overrides.set({MAPPING: mapping}, actor)
    uow.audit.append("settings_changed", actor=actor, facts={label: dict(item) for label, item in changes.items()})
