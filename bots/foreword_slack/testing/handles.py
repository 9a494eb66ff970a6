"""The short-lived handles that come with an interaction: `trigger_id` opens a view, `response_url` takes answers."""

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
        view_id: The view it comes from, if it comes from one.
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
        message_ts: The message that was acted on, if one was.
        ephemeral: Whether that message is shown to one user only.
    """

    team_id: str
    channel_id: str
    user_id: str
    expires_at: float
    message_ts: str = ""
    ephemeral: bool = False
    uses: int = 0


class HandleBook:
    """All handles that were given out.

    Args:
        now: Seconds since the epoch.
        limits: Their lifetimes and uses.
    """

    def __init__(self, now: Callable[[], float], limits: Limits) -> None:
        self._now = now
        self._limits = limits
        self._triggers: dict[str, Trigger] = {}
        self._response_urls: dict[str, ResponseUrl] = {}

    def issue_trigger(self, *, team_id: str, user_id: str, view_id: str = "") -> str:
        """A new `trigger_id`."""
        id = f"{len(self._triggers) + 1}.{int(self._now())}.{secrets.token_hex(16)}"
        self._triggers[id] = Trigger(
            team_id=team_id, user_id=user_id, view_id=view_id, expires_at=self._now() + self._limits.trigger_seconds
        )
        return id

    def use_trigger(self, id: str, team_id: str) -> Trigger:
        """Uses a trigger up.

        Raises:
            SlackError: It is unknown, too old or used.
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
        """The last part of a new `response_url`."""
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
        """Counts a use.

        Raises:
            SlackError: It is unknown, too old or used up.
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
