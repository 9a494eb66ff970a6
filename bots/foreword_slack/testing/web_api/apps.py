"""The methods of `auth`, `oauth`, `apps` and `team`."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing import events
from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.web_api.method import Call, Method


def auth_test(call: Call) -> dict[str, Any]:
    """Return the workspace and the bot user of the token."""
    team = call.team
    return {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": team.bot.name,
        "team_id": team.id,
        "user_id": team.bot.id,
        "bot_id": team.bot.bot_id,
        "is_enterprise_install": False,
    }


def auth_revoke(call: Call) -> dict[str, Any]:
    """Revoke the tokens of the workspace."""
    if call.flag("test"):
        return {"revoked": False}
    call.backend.tokens.revoke(call.team.id)
    return {"revoked": True}


def apps_connections_open(call: Call) -> dict[str, Any]:
    """Return a URL for one Socket Mode connection."""
    return {"url": call.sockets.issue_url()}


def oauth_v2_access(call: Call) -> dict[str, Any]:
    """Exchange an OAuth code or a refresh token for a bot token."""
    app = call.backend.app
    if call.text("client_id", "") != app.client_id:
        raise SlackError("invalid_client_id")
    if call.text("client_secret", "") != app.client_secret:
        raise SlackError("bad_client_secret")
    user_id = ""
    if call.text("grant_type", "authorization_code") == "refresh_token":
        team_id, issued = call.backend.tokens.refresh(call.text("refresh_token", ""))
    else:
        code, redirect_uri = call.text("code", ""), call.text("redirect_uri", "")
        team_id, user_id, issued = call.backend.tokens.redeem_code(code, redirect_uri)
    team = call.backend.teams[team_id]
    answer: dict[str, Any] = {
        "access_token": issued.token,
        "token_type": "bot",
        "scope": ",".join(issued.scopes),
        "bot_user_id": team.bot.id,
        "app_id": app.id,
        "team": {"name": team.name, "id": team.id},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if user_id:
        answer["authed_user"] = {"id": user_id}
    if issued.refresh_token is not None and issued.lifetime_seconds is not None:
        answer |= {"refresh_token": issued.refresh_token, "expires_in": int(issued.lifetime_seconds)}
    return answer


def apps_uninstall(call: Call) -> dict[str, Any]:
    """Remove the app from the workspace."""
    app = call.backend.app
    given = (call.text("client_id", ""), call.text("client_secret", ""))
    if given != (app.client_id, app.client_secret):
        raise SlackError("bad_client_secret")
    call.backend.tokens.revoke(call.team.id, account_inactive=True)
    ts = call.backend.message_times.next()
    call.conversations.send_events(call.team, [events.tokens_revoked(call.team, ts=ts), events.app_uninstalled(ts=ts)])
    return {}


def team_info(call: Call) -> dict[str, Any]:
    """Return the workspace of the token."""
    team = call.team
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": "", "icon": {}}}


METHODS = {
    "auth.test": Method(handler=auth_test, tier=Tier.SPECIAL),
    "auth.revoke": Method(handler=auth_revoke, tier=Tier.TIER_3),
    "apps.connections.open": Method(handler=apps_connections_open, tier=Tier.TIER_3, token="app"),  # noqa: S106
    "apps.uninstall": Method(handler=apps_uninstall, tier=Tier.TIER_2),
    "oauth.v2.access": Method(handler=oauth_v2_access, tier=Tier.TIER_4, token="none"),  # noqa: S106
    "team.info": Method(handler=team_info, tier=Tier.TIER_3, scopes=("team:read",)),
}
