"""Registration of Bolt's listeners, which do the work due within 3 seconds; the inbox does the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword.observability.logging import get_logger
from foreword_slack.listeners.actions import chosen_labels
from foreword_slack.listeners.commands import COMMAND, answer
from foreword_slack.listeners.reading import find_team
from foreword_slack.listeners.settings import open_settings, save_settings
from foreword_slack.slack_api import answer_privately
from foreword_slack.team import Team
from foreword_slack.views import complaint as view
from foreword_slack.views import home, settings
from foreword_slack.views.modals import CorrectionContext, correction_modal

_ANY = re.compile(r".*")
_log = get_logger("slack.listeners")


def register(app: AsyncApp, teams: Mapping[str, Team]) -> None:
    """Add all listeners to a Bolt app.

    Args:
        teams: The configured workspaces, by id.
    """

    @app.action(view.WRONG)
    async def open_correction(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        team = find_team(body, teams)
        if team is not None:
            await _open_correction(team, body, client)

    @app.action(view.DECIDE)
    async def check_decision(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        if not chosen_labels(body):
            text = "Select departments first, or click “For no department”."
            await answer_privately(str(body["response_url"]), {"text": text})

    @app.action(home.SETTINGS)
    async def open_window(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        team = find_team(body, teams)
        if team is not None:
            await open_settings(team, body, client)

    @app.view(settings.SETTINGS)
    async def save_window(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        team = find_team(body, teams)
        faults = await save_settings(team, body, client) if team is not None else {}
        await (ack(response_action="errors", errors=faults) if faults else ack())

    @app.command(COMMAND)
    async def command(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack(text=await answer(body, find_team(body, teams)), response_type="ephemeral")

    # All other events are in the inbox already, or of no interest.
    @app.event(_ANY)
    async def seen(ack: AsyncAck) -> None:
        await ack()

    app.action(_ANY)(_acknowledge)
    app.shortcut(_ANY)(_acknowledge)
    app.view(_ANY)(_acknowledge)


async def _acknowledge(ack: AsyncAck) -> None:
    await ack()


async def _open_correction(team: Team, body: Mapping[str, Any], client: AsyncWebClient) -> None:
    id, _, label = str(body["actions"][0]["value"]).partition("|")
    shown = view.shown_text(body.get("message") or {})
    about = CorrectionContext(complaint=id, label=label, text=shown.text, revision=shown.revision)

    complaint, policy = await team.store.read(team.id, lambda uow: (uow.complaints.get(id), team.policy(uow)))
    chosen = complaint.departments if complaint else ()
    try:
        await client.views_open(trigger_id=str(body["trigger_id"]), view=correction_modal(about, chosen, policy))
    except SlackApiError as error:
        # Usually the trigger has expired; another click opens the modal.
        _log.warning("window_not_opened", reason=str(error.response.get("error", "")))
