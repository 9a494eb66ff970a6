"""Pictures that are uploaded to Slack once and then shown by their id."""

from __future__ import annotations

import aiohttp
from slack_sdk.errors import SlackApiError

from foreword.errors import ForewordError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.clients import TokenNotRenewedError
from foreword_slack.team import Team

_log = get_logger("slack.pictures")


async def upload_learning_curve(team: Team, experiment: str) -> str:
    """Plot the learning curve of a run, and upload it without sharing it in a channel.

    Returns:
        Slack's id of the picture; empty if it could not be made or uploaded, which must not stop anything else.
    """
    try:
        client = await team.clients.client(team.id)
        if client is None:
            return ""
        picture = await team.service.learning_curve(experiment)
        answer = await client.files_upload_v2(
            filename="learning-curve.png", title="Learning curve", content=picture, alt_txt="Learning curve"
        )
        return str(answer["files"][0]["id"])
    except (ForewordError, TokenNotRenewedError, SlackApiError, aiohttp.ClientError, TimeoutError) as error:
        # No matplotlib, no curve, no scope files:write, or Slack is unavailable.
        _log.warning("learning_curve_not_shown", error=type(error).__name__)
        return ""
