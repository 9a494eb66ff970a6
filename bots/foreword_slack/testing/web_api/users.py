"""The methods of `users`."""

from __future__ import annotations

from typing import Any

from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.web_api.method import Call, Method, page


def info(call: Call) -> dict[str, Any]:
    """Return a user."""
    user = call.team.users.get(call.text("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user.as_json()}


def list_users(call: Call) -> dict[str, Any]:
    """Return a page of the users of a workspace."""
    shown, following = page(list(call.team.users.values()), call, default=100, most=1000)
    return {"members": [user.as_json() for user in shown], **following}


METHODS = {
    "users.info": Method(handler=info, tier=Tier.TIER_4, scopes=("users:read",)),
    "users.list": Method(handler=list_users, tier=Tier.TIER_2, scopes=("users:read",)),
}
