"""The settings modal of administrators: channels and thresholds, saved before the acknowledgement and audited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword.observability.logging import get_logger
from foreword_slack.store import UnitOfWork
from foreword_slack.team import MAPPING, Team
from foreword_slack.views.settings import channel_block, read_settings, settings_modal

_log = get_logger("slack.settings")


async def open_settings(team: Team, body: Mapping[str, Any], client: AsyncWebClient) -> None:
    """Open the modal for an administrator; ignore anybody else."""
    if body["user"]["id"] not in team.config.administrators:
        return
    policy = await team.store.read(team.id, team.policy)
    try:
        await client.views_open(trigger_id=str(body["trigger_id"]), view=settings_modal(policy))
    except SlackApiError as error:
        # Usually the trigger has expired; another click opens the modal.
        _log.warning("window_not_opened", reason=str(error.response.get("error", "")))


async def save_settings(team: Team, body: Mapping[str, Any], client: AsyncWebClient) -> dict[str, str]:
    """Save the settings that an administrator submitted.

    Returns:
        The faults by block id; empty if the settings were saved.
    """
    actor = str(body["user"]["id"])
    policy = await team.store.read(team.id, team.policy)
    changes, faults = read_settings(body["view"], policy)
    if actor not in team.config.administrators:
        return dict.fromkeys(
            [channel_block(policy, label) for label in policy.departments],
            "Only administrators of the bot can change this.",
        )
    for label, changed in changes.items():
        fault = await _channel_fault(team, changed.get("channel"), client)
        if fault:
            faults[channel_block(policy, label)] = fault
    if not faults and changes:
        await team.store.write(team.id, lambda uow: _save(uow, changes, actor))
    return faults


async def _channel_fault(team: Team, channel: str | None, client: AsyncWebClient) -> str:
    """Return the reason why a channel cannot be used for a department; empty if it can."""
    if channel is None:
        return ""
    if channel in team.config.complaint_channels:
        return "In a complaint channel, discussions would be routed as complaints. Choose another one."
    try:
        found = (await client.conversations_info(channel=channel))["channel"]
    except SlackApiError as error:
        return f"The bot cannot access this channel ({error.response.get('error')}). Invite it first."
    if found.get("is_archived"):
        return "This channel is archived. Choose another one."
    return "" if found.get("is_member") else "The bot is not a member of this channel. Invite it first."


def _save(uow: UnitOfWork, changes: Mapping[str, Mapping[str, Any]], actor: str) -> None:
    mapping: dict[str, dict[str, Any]] = dict(uow.overrides.all().get(MAPPING) or {})
    for label, changed in changes.items():
        merged = {**mapping.get(label, {}), **changed}
        mapping[label] = {name: value for name, value in merged.items() if value is not None}
    uow.overrides.set({MAPPING: mapping}, actor)
    uow.audit.append("settings_changed", actor=actor, facts={label: dict(item) for label, item in changes.items()})
