"""What a method of the Web API is, and the call that it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from foreword_slack.testing.backend import Backend
from foreword_slack.testing.conversations import Conversations
from foreword_slack.testing.errors import SlackError
from foreword_slack.testing.rate_limits import Tier
from foreword_slack.testing.socket_mode import SocketMode
from foreword_slack.testing.state import Channel, Team


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a method, authenticated and within its rate.

    Attributes:
        arguments: As they came: text from a form, any JSON value from a JSON body.
        scopes: Of the token.
        team: The workspace of a bot token; None for methods without one.
    """

    backend: Backend
    conversations: Conversations
    sockets: SocketMode
    arguments: dict[str, Any]
    scopes: tuple[str, ...] = ()
    workspace: Team | None = None

    @property
    def team(self) -> Team:
        """The workspace of the token."""
        assert self.workspace is not None, "the method asks for a bot token"
        return self.workspace

    def text(self, name: str, default: str | None = None) -> str:
        """A text argument.

        Raises:
            SlackError: It is missing and has no default.
        """
        value = self.arguments.get(name)
        if value is None or value == "":
            if default is None:
                raise invalid_arguments([f"[ERROR] missing required field: {name}"])
            return default
        return str(value)

    def number(self, name: str, default: int, *, most: int) -> int:
        """A whole number in [1, most].

        Raises:
            SlackError: It is none, or out of range.
        """
        try:
            value = int(self.arguments.get(name) or default)
        except ValueError:
            value = 0
        if not 1 <= value <= most:
            raise SlackError("invalid_limit")
        return value

    def flag(self, name: str) -> bool:
        """A truth value; false when it is missing."""
        return str(self.arguments.get(name, "")).lower() in ("1", "true")

    def json(self, name: str, *, error: str = "invalid_arguments") -> Any:
        """A structured argument, None when it is missing.

        Raises:
            SlackError: It is not JSON.
        """
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise SlackError(error) from None

    def channel(self, name: str = "channel") -> Channel:
        """The channel that an argument names, if the bot may know of it.

        Raises:
            SlackError: There is none in this workspace, or it is private and the bot is not in it.
        """
        id = self.text(name)
        if id in self.team.users and id != self.team.bot.id:
            return self.backend.open_direct_channel(self.team, id)
        found = self.team.channels.get(id)
        if found is None or (found.kind != "channel" and self.team.bot.id not in found.members):
            raise SlackError("channel_not_found")
        return found

    def need_any(self, *scopes: str) -> None:
        """Asks for one of several scopes.

        Raises:
            SlackError: The token has none of them.
        """
        if not set(scopes) & set(self.scopes):
            raise missing_scope(scopes, self.scopes)


Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of the Web API.

    Attributes:
        handler: Answers a call; the fields of the answer besides `ok`.
        tier: Its rate limit.
        scopes: What the token must be allowed, all of it.
        token: Which kind of token it takes: `bot`, `app` or `none`.
    """

    handler: Handler
    tier: Tier
    scopes: tuple[str, ...] = ()
    token: str = "bot"  # noqa: S105 - a kind


def invalid_arguments(messages: list[str]) -> SlackError:
    """The error for arguments that are not as they should be."""
    return SlackError("invalid_arguments", response_metadata={"messages": messages})


def missing_scope(needed: tuple[str, ...], provided: tuple[str, ...]) -> SlackError:
    """The error for a token that is not allowed something."""
    return SlackError("missing_scope", needed=",".join(needed), provided=",".join(provided))


def page(items: list[Any], call: Call, *, default: int, most: int) -> tuple[list[Any], dict[str, Any]]:
    """A page of a list, and the field that leads to the next.

    Raises:
        SlackError: The cursor was never given out.
    """
    limit = call.number("limit", default, most=most)
    cursor = call.text("cursor", "")
    if cursor and not (cursor.startswith("next_") and cursor[5:].isdigit()):
        raise SlackError("invalid_cursor")
    start = int(cursor[5:]) if cursor else 0
    following = f"next_{start + limit}" if start + limit < len(items) else ""
    return items[start : start + limit], {"response_metadata": {"next_cursor": following}}
