"""The outbox's rows: calls to Slack that must be made once each, and what came of them."""

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
    DELETE = "delete"  # chat.delete of an earlier post
    EPHEMERAL = "ephemeral"  # chat.postEphemeral, to one person
    REACTION = "reaction"  # reactions.add
    HOME = "home"  # views.publish; `channel` is a person


class PostState(StrEnum):
    """Where a call stands."""

    PENDING = "pending"
    SENDING = "sending"  # a call is under way, or was when the bot died
    SENT = "sent"
    FAILED = "failed"  # for good; `reason` says why
    SUPERSEDED = "superseded"  # a newer one made it needless


ENDED = (PostState.SENT.value, PostState.FAILED.value, PostState.SUPERSEDED.value)
_ENDED_UNSENT = (PostState.FAILED.value, PostState.SUPERSEDED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A call, as it stands.

    Attributes:
        name: Its unique, deterministic name within the workspace.
        target: Name of the post that it changes, or in whose thread it goes.
        complaint: Id of the complaint that it is about.
        reason: Why it is not sent: Slack's error code, or what the bot is waiting for.
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
    """The outbox of one workspace, as handlers see it.

    Content is what Slack's method takes beside the channel: `text` and `blocks`. Links are never unfurled. It is
    dropped once sent, so a later update brings its content along.

    Attributes:
        asked: Whether the transaction asked for calls.
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
        """Posts a message; False, and nothing else, when its name is taken: it was asked for before.

        Args:
            complaint: Id of the complaint that it is about.
            thread_ts: Goes into the thread of this message.
            thread_of: Goes into the thread of this post, once that was sent.
        """
        assert thread_ts is None or thread_of is None
        payload = dict(content) if thread_ts is None else {**content, "thread_ts": thread_ts}
        return self._add(name, Operation.POST, channel, payload, target=thread_of, complaint=complaint)

    def post_again(self, name: str, channel: str, content: Mapping[str, Any], *, thread_ts: str | None = None) -> bool:
        """Asks once more for a post that failed or was dropped, perhaps for another channel; False when it was not."""
        row = self._row(name)
        if row is None or row.operation != Operation.POST.value or row.state not in _ENDED_UNSENT:
            return False
        row.channel = channel
        row.payload = dict(content) if thread_ts is None else {**content, "thread_ts": thread_ts}
        row.state, row.reason, row.attempts = PostState.PENDING.value, "", 0
        row.due_time, row.finish_time = self._now, None
        self.asked = True
        self._session.flush()
        return True

    def update(self, target: str, content: Mapping[str, Any]) -> bool:
        """Changes a post once it was sent. Of several changes that wait, only the newest is made.

        A post that failed takes the new content, for the case that it is sent again.

        Returns:
            False when there is no such post, or it failed or was deleted, so that nothing is left to change.

        Raises:
            FailedPreconditionError: The name is not that of a post.
        """
        row = self._target(target)
        if row is None:
            self._change_failed(target, content)
            return False
        if row.state == PostState.PENDING.value and not row.attempts and not row.unsure:
            # Never tried: the message may as well say the new thing at once. Where it goes stays.
            replace_content(row, content)
            self._session.flush()
            return True
        self._supersede(target, Operation.UPDATE)
        return self._change(row, Operation.UPDATE, content)

    def retire(self, target: str, content: Mapping[str, Any]) -> bool:
        """Changes a post that stands no more, as `update` does; one that failed is dropped, and never sent again.

        Returns:
            False when there is no such post, or it failed or was deleted.

        Raises:
            FailedPreconditionError: The name is not that of a post.
        """
        row = self._row(target)
        if row is None or row.state != PostState.FAILED.value:
            return self.update(target, content)
        _end(row, PostState.SUPERSEDED, "retired", self._now)
        self._session.flush()
        return False

    def delete(self, target: str) -> bool:
        """Deletes a post once it was sent, or keeps it from being sent.

        Returns:
            False when there is no such post, or it failed or was deleted before.

        Raises:
            FailedPreconditionError: The name is not that of a post.
        """
        row = self._target(target)
        if row is None:
            return False
        self._supersede(target, Operation.UPDATE)
        if row.state == PostState.PENDING.value and not row.attempts and not row.unsure:
            _end(row, PostState.SUPERSEDED, "deleted", self._now)
            self._session.flush()
            return True
        return self._change(row, Operation.DELETE, {})

    def ephemeral(
        self, name: str, channel: str, user: str, content: Mapping[str, Any], *, thread_ts: str | None = None
    ) -> bool:
        """Tells one person something in a channel; False when its name is taken."""
        payload = {**content, "user": user} | ({} if thread_ts is None else {"thread_ts": thread_ts})
        return self._add(name, Operation.EPHEMERAL, channel, payload)

    def react(self, name: str, channel: str, ts: str, emoji: str) -> bool:
        """Adds a reaction to a message; False when its name is taken."""
        return self._add(name, Operation.REACTION, channel, {"timestamp": ts, "name": emoji})

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """Shows a person their App Home; of several that wait, only the newest is shown."""
        target = f"home:{user}"
        self._supersede(target, Operation.HOME)
        self._add(self._next_name(target), Operation.HOME, user, {"view": dict(view)}, target=target)

    def get(self, name: str) -> Post | None:
        """A call by its name."""
        row = self._row(name)
        return None if row is None else _to_post(row)

    def at(self, channel: str, ts: str) -> Post | None:
        """The post that a message of Slack is; None when the bot did not post it."""
        row = self._session.scalars(
            select(OutboxRow).where(
                OutboxRow.team == self._team,
                OutboxRow.channel == channel,
                OutboxRow.ts == ts,
                OutboxRow.operation == Operation.POST.value,
            )
        ).first()
        return None if row is None else _to_post(row)

    def about(self, complaint: str) -> list[Post]:
        """Everything about a complaint, in the order in which it was asked for."""
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
            raise FailedPreconditionError(f"{name} is no post that could be changed, but {row.operation}.")
        deleted = self._session.scalars(
            select(OutboxRow.key).where(
                OutboxRow.team == self._team,
                OutboxRow.target == name,
                OutboxRow.operation == Operation.DELETE.value,
                OutboxRow.state != PostState.FAILED.value,
            )
        ).first()
        return row if deleted is None else None

    def _change_failed(self, name: str, content: Mapping[str, Any]) -> None:
        row = self._row(name)
        if row is not None and row.state == PostState.FAILED.value and row.payload is not None:
            replace_content(row, content)
            self._session.flush()

    def _change(self, row: OutboxRow, operation: Operation, content: Mapping[str, Any]) -> bool:
        name = self._next_name(row.name)
        return self._add(name, operation, row.channel, content, target=row.name, complaint=row.complaint)

    def _next_name(self, target: str) -> str:
        query = select(func.count()).where(OutboxRow.team == self._team, OutboxRow.target == target)
        return f"{target}#{self._session.scalars(query).one() + 1}"

    def _supersede(self, target: str, operation: Operation) -> None:
        # One that is being sent goes on: whether it took effect is not known yet. One that failed must not come back.
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
    """Gives a post that is still to be sent other content. Where it goes stays."""
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
