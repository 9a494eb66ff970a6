"""The methods of the Web API and the calls that they handle."""

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
    """A call of a method, authenticated and within its rate limit.

    Attributes:
        arguments: Unparsed arguments: text from a form, any JSON value from a JSON body.
        scopes: Scopes of the token.
        workspace: Workspace of the bot token; None for methods without one.
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
        assert self.workspace is not None, "the method requires a bot token"
        return self.workspace

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text argument.

        Raises:
            SlackError: The argument is missing and has no default.
        """
        value = self.arguments.get(name)
        if value is None or value == "":
            if default is None:
                raise invalid_arguments([f"[ERROR] missing required field: {name}"])
            return default
        return str(value)

    def number(self, name: str, default: int, *, most: int) -> int:
        """Return an integer argument in [1, most].

        Raises:
            SlackError: The argument is not an integer or out of range.
        """
        try:
            value = int(self.arguments.get(name) or default)
        except ValueError:
            value = 0
        if not 1 <= value <= most:
            raise SlackError("invalid_limit")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean argument; False if it is missing."""
        return str(self.arguments.get(name, "")).lower() in ("1", "true")

    def json(self, name: str, *, error: str = "invalid_arguments") -> Any:
        """Return a structured argument, or None if it is missing.

        Raises:
            SlackError: The argument is not JSON.
        """
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise SlackError(error) from None

    def channel(self, name: str = "channel") -> Channel:
        """Return the channel that an argument names, if the bot can see it.

        Raises:
            SlackError: The channel is not in this workspace, or it is private and the bot is not a member.
        """
        id = self.text(name)
        if id in self.team.users and id != self.team.bot.id:
            return self.backend.open_direct_channel(self.team, id)
        found = self.team.channels.get(id)
        if found is None or (found.kind != "channel" and self.team.bot.id not in found.members):
            raise SlackError("channel_not_found")
        return found

    def need_any(self, *scopes: str) -> None:
        """Require one of several scopes.

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
        handler: Handles a call and returns the fields of the answer besides `ok`.
        tier: Rate limit.
        scopes: Scopes that the token must have, all of them.
        token: Required kind of token: `bot`, `app` or `none`.
    """

    handler: Handler
    tier: Tier
    scopes: tuple[str, ...] = ()
    token: str = "bot"  # noqa: S105 - a kind


def invalid_arguments(messages: list[str]) -> SlackError:
    """Return the error for invalid arguments."""
    return SlackError("invalid_arguments", response_metadata={"messages": messages})


def missing_scope(needed: tuple[str, ...], provided: tuple[str, ...]) -> SlackError:
    """Return the error for a token without a required scope."""
    return SlackError("missing_scope", needed=",".join(needed), provided=",".join(provided))


def page(
    items: list[Any], call: Call, *, default: int, most: int, cap: int | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """Return a page of a list, and the field with the cursor of the next page.

    Args:
        default: Length of a page without the argument `limit`.
        most: Largest valid `limit`.
        cap: Length of a page, whatever its `limit`. Default: none.

    Raises:
        SlackError: The cursor is invalid.
    """
    limit = min(call.number("limit", default, most=most), cap or most)
    cursor = call.text("cursor", "")
    if cursor and not (cursor.startswith("next_") and cursor[5:].isdigit()):
        raise SlackError("invalid_cursor")
    start = int(cursor[5:]) if cursor else 0
    following = f"next_{start + limit}" if start + limit < len(items) else ""
    return items[start : start + limit], {"response_metadata": {"next_cursor": following}}
