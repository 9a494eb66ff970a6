"""Installations, tokens, their rotation and their end."""

from __future__ import annotations

import json

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.testing import App, FakeSlack, Workspace


def web_of(slack: FakeSlack, token: str | None) -> AsyncWebClient:
    return AsyncWebClient(token=token, base_url=slack.api_url)


async def error_of(slack: FakeSlack, token: str | None) -> str:
    with pytest.raises(SlackApiError) as caught:
        await web_of(slack, token).auth_test()
    return str(caught.value.response["error"])


async def test_auth_test_returns_the_workspace_and_the_bot_of_a_token(
    slack: FakeSlack, acme: Workspace, web: AsyncWebClient
):
    answer = await web.auth_test()

    assert (answer["team_id"], answer["user_id"]) == (acme.id, acme.bot.id)
    assert answer.headers["x-oauth-scopes"].split(",") == list(slack.app.scopes)


async def test_wrong_missing_revoked_and_inactive_tokens_have_different_errors(slack: FakeSlack, acme: Workspace):
    other = slack.add_team("Other")
    other.uninstall()
    token = acme.token
    acme.revoke_token()

    assert await error_of(slack, None) == "not_authed"
    assert await error_of(slack, "xoxb-guess") == "invalid_auth"
    assert await error_of(slack, slack.app.app_token) == "not_allowed_token_type"
    assert await error_of(slack, token) == "token_revoked"
    assert await error_of(slack, other.token) == "account_inactive"
    assert [item.payload["event"]["type"] for item in slack.journal.deliveries] == [
        "tokens_revoked",
        "app_uninstalled",
        "tokens_revoked",
    ]


async def test_a_rotating_token_expires_and_is_refreshed_once():
    async with FakeSlack(app=App(rotates_tokens=True)) as slack:
        acme = slack.add_team()
        old = acme.installation
        acme.expire_token()
        assert await error_of(slack, old.token) == "token_expired"
        bot = Bot(
            bot_token=old.token, bot_refresh_token=old.refresh_token, bot_token_expires_at=1,
            bot_id=acme.bot.bot_id, bot_user_id=acme.bot.id, installed_at=1.0,
        )  # fmt: skip
        rotator = AsyncTokenRotator(
            client_id=slack.app.client_id, client_secret=slack.app.client_secret, client=web_of(slack, None)
        )

        refreshed = await rotator.perform_bot_token_rotation(bot=bot)
        assert refreshed is not None
        assert (await web_of(slack, refreshed.bot_token).auth_test())["team_id"] == acme.id
        assert refreshed.bot_token == acme.token

        with pytest.raises(SlackApiError, match="invalid_refresh_token"):
            await web_of(slack, None).oauth_v2_access(
                client_id=slack.app.client_id,
                client_secret=slack.app.client_secret,
                grant_type="refresh_token",
                refresh_token=old.refresh_token,
            )


async def test_an_oauth_code_can_be_exchanged_for_a_token_once(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    redirect = "http://127.0.0.1:1/slack/oauth_redirect"
    code = slack.issue_oauth_code(acme, ann, redirect_uri=redirect, scopes=("chat:write",))
    web = web_of(slack, None)
    exchange = {"client_id": slack.app.client_id, "client_secret": slack.app.client_secret, "code": code}

    with pytest.raises(SlackApiError, match="bad_client_secret"):
        await web.oauth_v2_access(**{**exchange, "client_secret": "guess"})
    installed = await web.oauth_v2_access(**exchange, redirect_uri=redirect)
    with pytest.raises(SlackApiError, match="invalid_code"):
        await web.oauth_v2_access(**exchange)

    assert (installed["team"]["id"], installed["authed_user"]["id"]) == (acme.id, ann.id)
    assert json.dumps(installed["scope"]) == '"chat:write"'
    assert (await web_of(slack, installed["access_token"]).auth_test())["ok"]
