"""Rows of the outbox: calls to Slack, each made once, and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword.errors import FailedPreconditionError
from foreword_slack.store.tables import OutboxRow


class Operation(StrEnum):
    """A kind of call."""

    POST = "post"  # chat.postMessage
    UPDATE = "update"  # chat.update of an earlier post
    EPHEMERAL = "ephemeral"  # chat.postEphemeral, to one person
    RESPONSE = "response"  # an answer to the URL of a command or a shortcut
    HOME = "home"  # views.publish; `channel` is a person


class PostState(StrEnum):
    """The state of a call."""

    PENDING = "pending"
    SENDING = "sending"  # in progress, or was when the bot crashed
    SENT = "sent"
    FAILED = "failed"  # for good; see `reason`
    SUPERSEDED = "superseded"  # replaced by a newer call


ENDED = (PostState.SENT.value, PostState.FAILED.value, PostState.SUPERSEDED.value)
_ENDED_UNSENT = (PostState.FAILED.value, PostState.SUPERSEDED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A call and its state.

    Attributes:
        name: Unique, deterministic name within the workspace.
        target: Name of the post that it changes or replies to.
        complaint: Id of the complaint that it is about.
        reason: Reason why it is not sent: Slack's error code, or what it waits for.
        ts: Slack's timestamp of the message, once sent.
    """

    name: str
    operation: Operation
    channel: str
    target: str | None
    complaint: str | None
    state: PostState
    reason: str
    attempts: int
    ts: str | None
    create_time: datetime
    finish_time: datetime | None


class Posts:
    """The outbox of one workspace, for handlers.

    Content means the arguments of Slack's method other than the channel: `text` and `blocks`. Links are never unfurled.
    The content is deleted once sent, so a later update must contain all of it.

    Attributes:
        asked: Whether the transaction has requested calls.
    """

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session, self._team, self._now = session, team, now
        self.asked = False

    def post(
        self,
        name: str,
        channel: str,
        content: Mapping[str, Any],
        *,
        complaint: str | None = None,
        thread_ts: str | None = None,
        thread_of: str | None = None,
    ) -> bool:
        """Request a post; do nothing and return False if its name exists already.

        Args:
            complaint: Id of the complaint that it is about.
            thread_ts: Timestamp of the message to reply to.
            thread_of: Name of the post to reply to, once it was sent.
        """
        assert thread_ts is None or thread_of is None
        payload = dict(content) if thread_ts is None else {**content, "thread_ts": thread_ts}
        return self._add(name, Operation.POST, channel, payload, target=thread_of, complaint=complaint)

    def post_again(self, name: str, channel: str, content: Mapping[str, Any]) -> bool:
        """Request a failed or retired post again, perhaps in another channel; return False if it is neither."""
        row = self._row(name)
        if row is None or row.operation != Operation.POST.value or row.state not in _ENDED_UNSENT:
            return False
        row.channel = channel
        row.payload = dict(content)
        row.state, row.reason, row.attempts = PostState.PENDING.value, "", 0
        row.due_time, row.finish_time, row.first_send_time, row.look_up_cursor = self._now, None, None, ""
        self.asked = True
        self._session.flush()
        return True

    def update(self, target: str, content: Mapping[str, Any]) -> bool:
        """Update a post once it was sent. Of several pending updates, only the newest is made.

        A failed post gets the new content, in case it is retried.

        Returns:
            False if there is no such post, or it failed.

        Raises:
            FailedPreconditionError: The name belongs to another kind of call.
        """
        row = self._target(target)
        if row is None:
            self._change_failed(target, content)
            return False
        if row.state == PostState.PENDING.value and not row.attempts and not row.unsure:
            # Not attempted yet: the post gets the new content, but keeps its channel and thread.
            replace_content(row, content)
            self._session.flush()
            return True
        self._supersede(target, Operation.UPDATE)
        name = self._next_name(row.name)
        return self._add(name, Operation.UPDATE, row.channel, content, target=row.name, complaint=row.complaint)

    def retire(self, target: str, content: Mapping[str, Any]) -> bool:
        """Update a post that is no longer valid; if it failed, drop it, so that it is never retried.

        Returns:
            False if there is no such post, or it failed.

        Raises:
            FailedPreconditionError: The name belongs to another kind of call.
        """
        row = self._row(target)
        if row is None or row.state != PostState.FAILED.value:
            return self.update(target, content)
        _end(row, PostState.SUPERSEDED, "retired", self._now)
        self._session.flush()
        return False

    def ephemeral(self, name: str, channel: str, user: str, content: Mapping[str, Any]) -> bool:
        """Request a message to one person in a channel; return False if its name exists already."""
        return self._add(name, Operation.EPHEMERAL, channel, {**content, "user": user})

    def respond(self, name: str, channel: str, url: str, content: Mapping[str, Any]) -> bool:
        """Request a private answer to a command or a shortcut; return False if its name exists already.

        Args:
            channel: Channel in which it was used.
            url: Its `response_url`.
        """
        return self._add(name, Operation.RESPONSE, channel, {**content, "response_url": url})

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """Request the publication of a person's App Home; of several pending ones, only the newest is made."""
        target = f"home:{user}"
        self._supersede(target, Operation.HOME)
        self._add(self._next_name(target), Operation.HOME, user, {"view": dict(view)}, target=target)

    def get(self, name: str) -> Post | None:
        """Return a call by its name, or None."""
        row = self._row(name)
        return None if row is None else _to_post(row)

    def about(self, complaint: str) -> list[Post]:
        """Return all calls about a complaint, in the order in which they were requested."""
        rows = self._session.scalars(
            select(OutboxRow)
            .where(OutboxRow.team == self._team, OutboxRow.complaint == complaint)
            .order_by(OutboxRow.key)
        )
        return [_to_post(row) for row in rows]

    def _target(self, name: str) -> OutboxRow | None:
        row = self._row(name)
        if row is None or row.state in _ENDED_UNSENT:
            return None
        if row.operation != Operation.POST.value:
            raise FailedPreconditionError(
                f"{name} cannot be changed: it is not a post, but a call of kind {row.operation}."
            )
        return row

    def _change_failed(self, name: str, content: Mapping[str, Any]) -> None:
        row = self._row(name)
        if row is not None and row.state == PostState.FAILED.value and row.payload is not None:
            replace_content(row, content)
            self._session.flush()

    def _next_name(self, target: str) -> str:
        query = select(func.count()).where(OutboxRow.team == self._team, OutboxRow.target == target)
        return f"{target}#{self._session.scalars(query).one() + 1}"

    def _supersede(self, target: str, operation: Operation) -> None:
        # A call in progress continues, because it may have taken effect. A failed one must not be retried.
        for row in self._session.scalars(
            select(OutboxRow).where(
                OutboxRow.team == self._team,
                OutboxRow.target == target,
                OutboxRow.operation == operation.value,
                OutboxRow.state.in_((PostState.PENDING.value, PostState.FAILED.value)),
            )
        ):
            _end(row, PostState.SUPERSEDED, "newer", self._now)

    def _add(
        self,
        name: str,
        operation: Operation,
        channel: str,
        payload: Mapping[str, Any],
        *,
        target: str | None = None,
        complaint: str | None = None,
    ) -> bool:
        if self._row(name) is not None:
            return False
        self.asked = True
        self._session.add(
            OutboxRow(
                team=self._team,
                name=name,
                operation=operation.value,
                channel=channel,
                target=target,
                complaint=complaint,
                payload=dict(payload),
                state=PostState.PENDING.value,
                attempts=0,
                unsure=False,
                unresolved=0,
                reason="",
                due_time=self._now,
                lease_epoch=0,
                create_time=self._now,
            )
        )
        self._session.flush()
        return True

    def _row(self, name: str) -> OutboxRow | None:
        return self._session.scalars(
            select(OutboxRow).where(OutboxRow.team == self._team, OutboxRow.name == name)
        ).one_or_none()


def replace_content(row: OutboxRow, content: Mapping[str, Any]) -> None:
    """Replace the content of a post that is not sent yet, but keep its thread."""
    assert row.payload is not None
    kept = {name: row.payload[name] for name in ("thread_ts",) if name in row.payload}
    row.payload = {**content, **kept}


def _end(row: OutboxRow, state: PostState, reason: str, now: datetime) -> None:
    row.state, row.reason, row.payload, row.finish_time, row.lease_expire_time = state.value, reason, None, now, None


def _to_post(row: OutboxRow) -> Post:
    return Post(
        name=row.name,
        operation=Operation(row.operation),
        channel=row.channel,
        target=row.target,
        complaint=row.complaint,
        state=PostState(row.state),
        reason=row.reason,
        attempts=row.attempts,
        ts=row.ts,
        create_time=row.create_time,
        finish_time=row.finish_time,
    )
