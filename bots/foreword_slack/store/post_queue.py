"""The outbox of all workspaces, for the senders: claims, results and unknown outcomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, func, not_, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, aliased

from foreword.errors import LeaseLostError
from foreword_slack.store.audit import Audit
from foreword_slack.store.posts import ENDED, Operation, PostState, replace_content
from foreword_slack.store.tables import InstallationRow, OutboxRow
from foreword_slack.store.workspaces import InstallationState

TARGET_FAILED = "target_failed"
OTHERS = tuple(operation for operation in Operation if operation is not Operation.POST)
"""All operations other than posts."""
UNSENT = (PostState.PENDING.value, PostState.SENDING.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A claimed call. The claim is valid while the row has the same `epoch`.

    Attributes:
        target_ts: Slack's timestamp of the post that it changes or replies to; None if there is none.
        unsure: Whether an earlier attempt may have taken effect, so that the sender must look for the post first.
        attempt: Number of the attempt, from 1; rate limits do not count.
        first_send_time: Time of the first attempt, which may be this one.
        look_up_cursor: Cursor of the next page of the search for the post; empty for the first page.
        after_ts: Timestamp of a post in the channel that is older than this one; empty if unknown.
        before_ts: Timestamp of a post in the channel that is newer than this one; empty if unknown.
    """

    key: int
    epoch: int
    team: str
    name: str
    operation: Operation
    channel: str
    target_ts: str | None
    complaint: str | None
    payload: Mapping[str, Any]
    unsure: bool
    attempt: int
    create_time: datetime
    first_send_time: datetime
    look_up_cursor: str = ""
    after_ts: str = ""
    before_ts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Posts about complaints that a channel refused. `reason` is Slack's error code."""

    team: str
    channel: str
    reason: str
    posts: int


class PostQueue:
    """The queue of calls of all workspaces."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def teams(self) -> list[str]:
        """Return the installed workspaces with waiting calls, due or not."""
        query = (
            select(OutboxRow.team)
            .join(InstallationRow, InstallationRow.team == OutboxRow.team)
            .where(InstallationRow.state == InstallationState.ACTIVE.value, _open())
            .distinct()
        )
        return list(self._session.scalars(query))

    def claim(
        self,
        team: str,
        channels_off: Collection[str],
        limit: int,
        lease: timedelta,
        *,
        others: Mapping[Operation, int] | None = None,
        latest_effect: timedelta = timedelta(0),
    ) -> list[Sending]:
        """Claim a workspace's due calls: first posts, at most one for each channel, then others; the oldest first.

        A call that changes a post or replies to it waits until the post was sent; see `fail_orphans`.

        Args:
            channels_off: Channels that get no post now.
            limit: Maximum number of calls.
            lease: Duration of the claim.
            others: Maximum number of calls of each operation other than posts. Default: no limit.
            latest_effect: Time after which a call that was made has taken effect, or never will.
        """
        if not self._installed(team):
            return []
        room: dict[Operation, int] = dict.fromkeys(OTHERS, limit)
        room.update(others or {})
        post = aliased(OutboxRow)
        target = and_(post.team == OutboxRow.team, post.name == OutboxRow.target)
        earlier = aliased(OutboxRow)
        # Changes of a post are made in order: an update in progress blocks the next one.
        blocked = (
            select(earlier.key)
            .where(
                earlier.team == OutboxRow.team,
                earlier.target == OutboxRow.target,
                earlier.operation != Operation.POST.value,
                earlier.key < OutboxRow.key,
                earlier.state.in_(UNSENT),
            )
            .exists()
        )
        is_post = OutboxRow.operation == Operation.POST.value
        open_operations = [operation.value for operation, calls in room.items() if calls > 0]
        query = (
            select(OutboxRow, post.ts)
            .outerjoin(post, target)
            .where(
                OutboxRow.team == team,
                _open(),
                or_(OutboxRow.lease_expire_time.is_(None), OutboxRow.lease_expire_time <= self._now),
                OutboxRow.due_time <= self._now,
                or_(post.key.is_(None), post.state == PostState.SENT.value),
                or_(
                    and_(is_post, OutboxRow.channel.not_in(channels_off)),
                    and_(OutboxRow.operation.in_(open_operations), not_(blocked)),
                ),
            )
            .order_by(case((is_post, 0), else_=1), OutboxRow.key)
        )
        claimed: list[Sending] = []
        channels: set[str] = set()
        for row, target_ts in self._session.execute(query.limit(limit * 20)):
            if row.operation == Operation.POST.value:
                if row.channel in channels:
                    continue
                channels.add(row.channel)
            else:
                operation = Operation(row.operation)
                if not room[operation]:
                    continue
                room[operation] -= 1
            claimed.append(self._take(row, target_ts, lease, latest_effect))
            if len(claimed) == limit:
                break
        self._session.flush()
        return claimed

    def fail_orphans(self, team: str) -> list[Sending]:
        """Fail a workspace's calls that change a failed post or reply to it, and return them."""
        if not self._installed(team):
            return []
        post = aliased(OutboxRow)
        orphans = (
            select(OutboxRow)
            .join(post, and_(post.team == OutboxRow.team, post.name == OutboxRow.target))
            .where(
                OutboxRow.team == team,
                OutboxRow.state == PostState.PENDING.value,
                post.state.in_((PostState.FAILED.value, PostState.SUPERSEDED.value)),
            )
        )
        rows = self._session.scalars(orphans).all()
        for row in rows:
            self._fail(row, TARGET_FAILED)
        return [_to_sending(row, None) for row in rows]

    def sent(self, sending: Sending, ts: str | None) -> None:
        """Mark a call as sent, and delete its content.

        Raises:
            LeaseLostError: Another sender has claimed it.
        """
        row = self._owned(sending)
        row.state, row.payload, row.unsure, row.reason = PostState.SENT.value, None, False, ""
        row.lease_expire_time, row.finish_time, row.ts = None, self._now, ts

    def release(
        self,
        sending: Sending,
        *,
        due_time: datetime,
        reason: str,
        unsure: bool,
        counted: bool,
        look_up_cursor: str = "",
    ) -> None:
        """Release a call, to be made later.

        Args:
            due_time: Earliest time of the next attempt.
            reason: Slack's error code, or the failure of the connection.
            unsure: Whether the call may have taken effect.
            counted: Whether this counts as a failed attempt.
            look_up_cursor: Cursor of the next page of the search for the post.

        Raises:
            LeaseLostError: Another sender has claimed it.
        """
        row = self._owned(sending)
        row.state, row.lease_expire_time = PostState.PENDING.value, None
        row.due_time, row.reason, row.unsure = due_time, reason, unsure
        row.look_up_cursor = look_up_cursor
        if not counted:
            row.attempts -= 1

    def resolve(self, sending: Sending, *, found: bool) -> None:
        """Record, before an unsure call is repeated, whether the search established that it had no effect.

        Raises:
            LeaseLostError: Another sender has claimed it.
        """
        row = self._owned(sending)
        row.unresolved += int(not found)
        row.last_send_time, row.look_up_cursor = self._now, ""

    def fail(self, sending: Sending, reason: str) -> None:
        """Mark a call as failed for good, and add a line to the audit.

        Raises:
            LeaseLostError: Another sender has claimed it.
        """
        self._fail(self._owned(sending), reason)

    def next_due(self, team: str) -> datetime | None:
        """Return when a next call is due or a lease expires in a workspace; None if nothing waits or all is parked."""
        if not self._installed(team):
            return None
        when = func.min(
            case(
                (OutboxRow.lease_expire_time.is_(None), OutboxRow.due_time),
                else_=OutboxRow.lease_expire_time,
            )
        )
        due: datetime | None = self._session.scalars(select(when).where(OutboxRow.team == team, _open())).one()
        return due

    def refusals(self) -> list[Refusal]:
        """Count the failed posts about complaints that were not retried, by workspace and channel."""
        rows = self._session.execute(
            select(OutboxRow.team, OutboxRow.channel, OutboxRow.reason, func.count())
            .where(*_refused())
            .group_by(OutboxRow.team, OutboxRow.channel, OutboxRow.reason)
            .order_by(OutboxRow.team, OutboxRow.channel, OutboxRow.reason)
        )
        return [Refusal(team=row[0], channel=row[1], reason=row[2], posts=row[3]) for row in rows]

    def refused_complaints(self, team: str | None = None) -> list[tuple[str, str]]:
        """Return workspace and id of each complaint with posts that `revive` would retry."""
        query = select(OutboxRow.team, OutboxRow.complaint).where(*_refused()).distinct()
        if team is not None:
            query = query.where(OutboxRow.team == team)
        return [(row[0], str(row[1])) for row in self._session.execute(query)]

    def revive(self, team: str | None = None) -> int:
        """Make failed calls pending again if their content still exists; return their number."""
        query = update(OutboxRow).where(OutboxRow.state == PostState.FAILED.value, OutboxRow.payload.is_not(None))
        if team is not None:
            query = query.where(OutboxRow.team == team)
        result = self._session.execute(
            query.values(state=PostState.PENDING.value, attempts=0, due_time=self._now, finish_time=None)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount

    def purge(self, *, ended_before: datetime, failed_before: datetime) -> int:
        """Delete calls that ended before a time; their posts can no longer be changed.

        The content of calls that failed before another time is deleted too, and calls that have waited since then for
        an installation fail, because people's texts must not be kept for long.

        Returns:
            The number of deleted calls.
        """
        active = select(InstallationRow.team).where(InstallationRow.state == InstallationState.ACTIVE.value)
        parked = (_open(), OutboxRow.team.not_in(active), OutboxRow.create_time < failed_before)
        self._session.execute(
            update(OutboxRow)
            .where(*parked)
            .values(state=PostState.FAILED.value, reason="not_installed", payload=None, finish_time=self._now)
        )
        failed = (OutboxRow.state == PostState.FAILED.value, OutboxRow.finish_time < failed_before)
        self._session.execute(update(OutboxRow).where(*failed).values(payload=None))
        result = self._session.execute(
            delete(OutboxRow).where(OutboxRow.state.in_(ENDED), OutboxRow.finish_time < ended_before)
        )
        assert isinstance(result, CursorResult)
        return result.rowcount

    def _installed(self, team: str) -> bool:
        row = self._session.get(InstallationRow, team)
        return row is not None and row.state == InstallationState.ACTIVE.value

    def _take(self, row: OutboxRow, target_ts: str | None, lease: timedelta, latest_effect: timedelta) -> Sending:
        # A call that was in progress when its lease expired may have reached Slack.
        unsure = row.unsure or row.state == PostState.SENDING.value
        row.state = PostState.SENDING.value
        row.lease_epoch += 1
        row.attempts += 1
        row.lease_expire_time = self._now + lease
        row.unsure = unsure
        row.first_send_time = row.first_send_time or self._now
        sending = _to_sending(row, target_ts)
        if not unsure:
            row.last_send_time, row.look_up_cursor = self._now, ""
            return sending
        return replace(sending, after_ts=self._after_ts(row), before_ts=self._before_ts(row, latest_effect))

    def _after_ts(self, row: OutboxRow) -> str:
        """Return the newest post of a channel that was complete before a call was first made."""
        newest = select(func.max(OutboxRow.ts)).where(*_sent_to(row), OutboxRow.finish_time < row.first_send_time)
        return str(self._session.scalars(newest).one() or "")

    def _before_ts(self, row: OutboxRow, latest_effect: timedelta) -> str:
        """Return the oldest post of a channel that was first made when a call could take no effect any more."""
        if row.last_send_time is None:
            return ""
        ended = row.last_send_time + latest_effect
        oldest = select(func.min(OutboxRow.ts)).where(*_sent_to(row), OutboxRow.first_send_time > ended)
        return str(self._session.scalars(oldest).one() or "")

    def _fail(self, row: OutboxRow, reason: str) -> None:
        # The content is kept until it is purged, so that an operator can invite the bot to the channel and retry.
        row.state, row.reason, row.unsure = PostState.FAILED.value, reason, False
        row.lease_expire_time, row.finish_time = None, self._now
        self._fold_changes(row)
        Audit(self._session, row.team, self._now).append(
            "post_failed", complaint=row.complaint, facts={"name": row.name, "channel": row.channel, "reason": reason}
        )

    def _fold_changes(self, post: OutboxRow) -> None:
        """Apply the pending updates of a failed post to its content, in case it is retried."""
        changes = select(OutboxRow).where(
            OutboxRow.team == post.team,
            OutboxRow.target == post.name,
            OutboxRow.operation == Operation.UPDATE.value,
            OutboxRow.state == PostState.PENDING.value,
        )
        for change in self._session.scalars(changes.order_by(OutboxRow.key)).all():
            replace_content(post, change.payload or {})
            change.state, change.payload, change.finish_time = PostState.SUPERSEDED.value, None, self._now

    def _owned(self, sending: Sending) -> OutboxRow:
        row = self._session.scalars(
            select(OutboxRow)
            .where(
                OutboxRow.key == sending.key,
                OutboxRow.lease_epoch == sending.epoch,
                OutboxRow.state == PostState.SENDING.value,
            )
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise LeaseLostError(f"Call {sending.key} is no longer claimed by this sender (epoch {sending.epoch}).")
        return row


def _sent_to(row: OutboxRow) -> tuple[Any, ...]:
    """Return the conditions of the posts that were sent to a call's channel."""
    return (
        OutboxRow.team == row.team,
        OutboxRow.channel == row.channel,
        OutboxRow.operation == Operation.POST.value,
        OutboxRow.state == PostState.SENT.value,
    )


def _to_sending(row: OutboxRow, target_ts: str | None) -> Sending:
    return Sending(
        key=row.key,
        epoch=row.lease_epoch,
        team=row.team,
        name=row.name,
        operation=Operation(row.operation),
        channel=row.channel,
        target_ts=target_ts,
        complaint=row.complaint,
        payload=row.payload or {},
        unsure=row.unsure,
        attempt=row.attempts,
        create_time=row.create_time,
        first_send_time=row.first_send_time or row.create_time,
        look_up_cursor=row.look_up_cursor,
    )


def _open() -> Any:
    return OutboxRow.state.in_(UNSENT)


def _refused() -> tuple[Any, ...]:
    """Return the conditions of failed posts about complaints, without those that failed because their target did."""
    return (
        OutboxRow.state == PostState.FAILED.value,
        OutboxRow.operation == Operation.POST.value,
        OutboxRow.complaint.is_not(None),
        OutboxRow.payload.is_not(None),
        OutboxRow.reason != TARGET_FAILED,
    )
