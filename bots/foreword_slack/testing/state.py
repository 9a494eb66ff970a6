"""The contents of a workspace: people, channels, messages, files and views."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from foreword_slack.testing.block_kit.reading import block_texts, find_element, notifications


class PostingRule(Enum):
    """The rule for posting to a channel; the value is the error that a bot gets."""

    EVERYONE = ""
    NOBODY = "restricted_action"
    READ_ONLY = "restricted_action_read_only_channel"
    THREADS_ONLY = "restricted_action_thread_only_channel"
    NO_THREADS = "restricted_action_non_threadable_channel"


@dataclass(slots=True, kw_only=True)
class User:
    """A person or a bot of a workspace."""

    id: str
    team_id: str
    name: str
    is_bot: bool = False
    is_admin: bool = False
    deleted: bool = False
    bot_id: str = ""
    locale: str = "en-US"

    def as_json(self) -> dict[str, Any]:
        """Return the user in the form of `users.info`."""
        profile = {"real_name": self.name.title(), "display_name": self.name, "team": self.team_id}
        if self.is_bot:
            profile["bot_id"] = self.bot_id
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.name.title(),
            "deleted": self.deleted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "is_admin": self.is_admin,
            "is_owner": self.is_admin,
            "tz": "Europe/Berlin",
            "tz_offset": 3600,
            "locale": self.locale,
            "profile": profile,
        }


@dataclass(slots=True, kw_only=True)
class Message:
    """A message of a channel.

    Attributes:
        ts: Id in the channel, which is also the time.
        by_app: Whether an app posted it.
        shown_to: The only user who sees it, if it is ephemeral.
        edited_ts: Time of the last edit.
        revisions: Number of edits.
        parse: How the text is parsed: `none` leaves it unchanged; `client` and `full` find names and links in it.
        files: Ids of the files uploaded with it.
        attachments: Content below the text, such as a forwarded message or a link preview.
    """

    team_id: str
    channel_id: str
    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str = ""
    by_app: bool = False
    bot_id: str = ""
    app_id: str = ""
    metadata: dict[str, Any] | None = None
    client_msg_id: str = ""
    shown_to: str = ""
    edited_by: str = ""
    edited_ts: str = ""
    revisions: int = 0
    deleted: bool = False
    unfurls: bool = True
    parse: str = "none"
    reactions: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def notifies(self) -> list[str]:
        """The mentions in it that notify people: `@U1`, `!channel`, `!here`."""
        return notifications(self.text, self.blocks)

    @property
    def shown_text(self) -> str:
        """The visible text: that of its blocks, or its text if it has none."""
        return "\n".join(block_texts(self.blocks)) if self.blocks else self.text

    def find_element(self, action_id: str, value: str | None = None) -> tuple[str, dict[str, Any]]:
        """Return an interactive element and the id of its block.

        Raises:
            LookupError: The message has no such element.
        """
        return find_element(self.blocks, action_id, value)

    def as_json(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """Return the message in the form of an event or `conversations.history`."""
        found: dict[str, Any] = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text}
        if self.client_msg_id and not self.by_app:
            found["client_msg_id"] = self.client_msg_id
        if self.by_app:
            found |= {"bot_id": self.bot_id, "app_id": self.app_id}
        optional = {
            "team": self.team_id,
            "subtype": "file_share" if self.files else "",
            "files": [{"id": id} for id in self.files],
            "attachments": self.attachments,
            "blocks": self.blocks,
            "thread_ts": self.thread_ts,
            "edited": {"user": self.edited_by, "ts": self.edited_ts} if self.edited_ts else None,
            "metadata": self.metadata if with_metadata else None,
            "reactions": [
                {"name": name, "users": users, "count": len(users)} for name, users in self.reactions.items()
            ],
        }
        return found | {key: value for key, value in optional.items() if value}


@dataclass(slots=True, kw_only=True)
class Channel:
    """A channel or a direct conversation."""

    id: str
    team_id: str
    name: str
    created: float
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    posting: PostingRule = PostingRule.EVERYONE
    members: set[str] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: list[Message] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Slack's `channel_type`."""
        return "im" if self.is_im else "group" if self.is_private else "channel"

    @property
    def shown(self) -> list[Message]:
        """Its messages in order, without deleted ones."""
        return [item for _, item in sorted(self.messages.items()) if not item.deleted]

    def thread(self, ts: str) -> list[Message]:
        """Return the replies to a message in order."""
        return [item for item in self.shown if item.thread_ts == ts and item.ts != ts]

    def as_json(self, viewer: str) -> dict[str, Any]:
        """Return the channel in the form of `conversations.info`, for a member or another user."""
        found: dict[str, Any] = {
            "id": self.id,
            "created": int(self.created),
            "is_archived": self.is_archived,
            "is_channel": not self.is_im and not self.is_private,
            "is_group": self.is_private,
            "is_im": self.is_im,
            "is_private": self.is_private or self.is_im,
            "context_team_id": self.team_id,
        }
        if self.is_im:
            return found | {"user": next(iter(self.members - {viewer}), viewer)}
        return found | {
            "name": self.name,
            "name_normalized": self.name,
            "is_member": viewer in self.members,
            "is_general": False,
            "num_members": len(self.members),
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }


@dataclass(slots=True, kw_only=True)
class UploadedFile:
    """An uploaded file, or one whose upload has started."""

    id: str
    team_id: str
    name: str
    length: int
    title: str = ""
    content: bytes | None = None
    completed: bool = False
    channels: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the file in the form of the `files` methods."""
        return {"id": self.id, "name": self.name, "title": self.title or self.name, "size": self.length}


@dataclass(slots=True, kw_only=True)
class View:
    """A person's modal or App Home.

    Attributes:
        content: The view as the app sent it.
        values: The input: `{block_id: {action_id: element state}}`.
        errors: Error messages of the app's last answer to a submission, by block.
    """

    id: str
    team_id: str
    user: str
    content: dict[str, Any]
    root_id: str
    previous_id: str = ""
    revision: int = 1
    is_open: bool = True
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """The hash, which changes with the content."""
        return f"{self.revision}.{self.id.lower()}"

    @property
    def shown_text(self) -> str:
        """The visible text."""
        return "\n".join(block_texts(self.content["blocks"]))

    def as_json(self) -> dict[str, Any]:
        """Return the view in the form of interactions and the `views` methods."""
        defaults = {"callback_id": "", "private_metadata": "", "external_id": "", "close": None, "submit": None}
        return {
            **defaults,
            **self.content,
            "id": self.id,
            "team_id": self.team_id,
            "hash": self.hash,
            "state": {"values": self.values},
            "root_view_id": self.root_id,
            "previous_view_id": self.previous_id or None,
            "clear_on_close": False,
            "notify_on_close": self.content.get("notify_on_close", False),
        }


@dataclass(slots=True, kw_only=True)
class Team:
    """A workspace.

    Attributes:
        bot: The app's bot user.
        homes: App Homes by user id.
        mentions_only: Whether the app receives only `app_mention`, as in some workspaces of Enterprise Grid.
        client_messages: The app's messages by `client_msg_id`.
    """

    id: str
    name: str
    domain: str
    bot: User
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    files: dict[str, UploadedFile] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    mentions_only: bool = False
    client_messages: dict[str, list[Message]] = field(default_factory=dict)

    def direct_channel(self, user: str) -> Channel | None:
        """Return the direct conversation of a user with the bot, if there is one."""
        members = {user, self.bot.id}
        return next((item for item in self.channels.values() if item.is_im and item.members == members), None)
