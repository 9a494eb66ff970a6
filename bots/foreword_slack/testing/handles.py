"""Short-lived handles of an interaction: a `trigger_id` opens a view, a `response_url` accepts answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.limits import Limits


@dataclass(slots=True, kw_only=True)
class Trigger:
    """The right to open one view for a user.

    Attributes:
        view_id: The view in which the interaction happened, if any.
    """

    team_id: str
    user_id: str
    expires_at: float
    view_id: str = ""
    used: bool = False


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """The right to answer an interaction a few times.

    Attributes:
        message_ts: The message in which the interaction happened, if any.
        ephemeral: Whether that message is shown to only one user.
    """

    team_id: str
    channel_id: str
    user_id: str
    expires_at: float
    message_ts: str = ""
    ephemeral: bool = False
    uses: int = 0


class HandleBook:
    """All handles that have been issued.

    Args:
        now: Returns the time in seconds since the epoch.
        limits: The lifetimes and numbers of uses.
    """

    def __init__(self, now: Callable[[], float], limits: Limits) -> None:
        self._now = now
        self._limits = limits
        self._triggers: dict[str, Trigger] = {}
        self._response_urls: dict[str, ResponseUrl] = {}

    def issue_trigger(self, *, team_id: str, user_id: str, view_id: str = "") -> str:
        """Issue a `trigger_id`."""
        id = f"{len(self._triggers) + 1}.{int(self._now())}.{secrets.token_hex(16)}"
        self._triggers[id] = Trigger(
            team_id=team_id, user_id=user_id, view_id=view_id, expires_at=self._now() + self._limits.trigger_seconds
        )
        return id

    def use_trigger(self, id: str, team_id: str) -> Trigger:
        """Use a trigger, which is possible once.

        Raises:
            SlackError: The trigger is unknown, used or expired.
        """
        trigger = self._triggers.get(id)
        if trigger is None or trigger.team_id != team_id:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if trigger.expires_at < self._now():
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def issue_response_url(
        self, *, team_id: str, channel_id: str, user_id: str, message_ts: str = "", ephemeral: bool = False
    ) -> str:
        """Issue a `response_url` and return its last part."""
        id = f"{team_id}/{len(self._response_urls) + 1}/{secrets.token_hex(12)}"
        self._response_urls[id] = ResponseUrl(
            team_id=team_id,
            channel_id=channel_id,
            user_id=user_id,
            message_ts=message_ts,
            ephemeral=ephemeral,
            expires_at=self._now() + self._limits.response_url_seconds,
        )
        return id

    def use_response_url(self, id: str) -> ResponseUrl:
        """Count a use of a `response_url`.

        Raises:
            SlackError: The URL is unknown, expired or used too often.
        """
        found = self._response_urls.get(id)
        if found is None:
            raise SlackError("invalid_url")
        if found.expires_at < self._now():
            raise SlackError("expired_url")
        if found.uses >= self._limits.response_url_uses:
            raise SlackError("used_url")
        found.uses += 1
        return found
