"""Everything that a store knows of the state of things, for `foreword slack status` and the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword_slack.store.events import EventState
from foreword_slack.store.post_queue import UNSENT
from foreword_slack.store.posts import PostState
from foreword_slack.store.processes import BotProcess, Processes
from foreword_slack.store.tables import ComplaintRow, InboxRow, OutboxRow
from foreword_slack.store.workspaces import InstallationState, Workspace, Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxOverview:
    """Events of a workspace.

    Attributes:
        pending: How many are still to be handled, those in hand and timers among them.
        overdue: How many should have been handled by now.
        oldest_time: Since when the oldest of the overdue waits; None when none does.
        dead: Given up, by reason.
    """

    pending: int
    overdue: int
    oldest_time: datetime | None
    dead: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOverview:
    """Calls to one channel that are not through.

    Attributes:
        waiting: How many are still to be made.
        failed: Given up, by Slack's code.
        reasons: What those that wait are waiting for, where that is known.
    """

    channel: str
    waiting: int
    failed: Mapping[str, int]
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamOverview:
    """One workspace.

    Attributes:
        installation: None when the bot was never installed there.
        posts: Calls by state.
        parked: How many of the pending wait for somebody to install the bot again.
        unresolved: Calls that were made again although nobody could find out whether the first one took effect.
        channels: Those with calls that are not through, by id.
    """

    team: str
    installation: Workspace | None
    inbox: InboxOverview
    posts: Mapping[PostState, int]
    parked: int
    unresolved: int
    channels: Sequence[ChannelOverview]
    complaints: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The state of things at one moment.

    Attributes:
        processes: The bots that run on this store, with their sockets and counters.
        teams: By id.
    """

    time: datetime
    processes: Sequence[BotProcess]
    teams: Sequence[TeamOverview]


def read_overview(session: Session, now: datetime, *, silence: timedelta = timedelta(minutes=1)) -> Overview:
    """Reads the state of things.

    Args:
        silence: A bot that was not heard of for longer counts as gone.
    """
    installations = {workspace.team: workspace for workspace in Workspaces(session, now).all()}
    teams = set(installations)
    for table in (InboxRow, OutboxRow, ComplaintRow):
        teams |= set(session.scalars(select(table.team).distinct()))
    return Overview(
        time=now,
        processes=Processes(session, now).all(silence),
        teams=[_team(session, team, installations.get(team), now) for team in sorted(teams)],
    )


def _team(session: Session, team: str, installation: Workspace | None, now: datetime) -> TeamOverview:
    posts = _counts(session, OutboxRow.state, OutboxRow.team == team)
    waiting = sum(posts.get(state, 0) for state in UNSENT)
    down = installation is None or installation.state is not InstallationState.ACTIVE
    unresolved = select(func.coalesce(func.sum(OutboxRow.unresolved), 0)).where(OutboxRow.team == team)
    return TeamOverview(
        team=team,
        installation=installation,
        inbox=_inbox(session, team, now),
        posts={state: posts.get(state.value, 0) for state in PostState},
        parked=waiting if down else 0,
        unresolved=int(session.scalars(unresolved).one()),
        channels=_channels(session, team),
        complaints=_counts(session, ComplaintRow.state, ComplaintRow.team == team),
    )


def _inbox(session: Session, team: str, now: datetime) -> InboxOverview:
    pending = (InboxRow.team == team, InboxRow.state == EventState.PENDING.value)
    overdue = (*pending, InboxRow.due_time <= now)
    return InboxOverview(
        pending=session.scalars(select(func.count()).select_from(InboxRow).where(*pending)).one(),
        overdue=session.scalars(select(func.count()).select_from(InboxRow).where(*overdue)).one(),
        oldest_time=session.scalars(select(func.min(InboxRow.receive_time)).where(*overdue)).one(),
        dead=_counts(session, InboxRow.reason, InboxRow.team == team, InboxRow.state == EventState.DEAD.value),
    )


def _channels(session: Session, team: str) -> list[ChannelOverview]:
    rows = session.execute(
        select(OutboxRow.channel, OutboxRow.state, OutboxRow.reason, func.count())
        .where(OutboxRow.team == team, OutboxRow.state.in_((*UNSENT, PostState.FAILED.value)))
        .group_by(OutboxRow.channel, OutboxRow.state, OutboxRow.reason)
    ).all()
    found = []
    for channel in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == channel]
        waiting = [row for row in mine if row[1] != PostState.FAILED.value]
        reasons: dict[str, int] = {}
        for _, _, reason, count in waiting:
            if reason:
                reasons[reason] = reasons.get(reason, 0) + count
        found.append(
            ChannelOverview(
                channel=channel,
                waiting=sum(row[3] for row in waiting),
                failed={row[2]: row[3] for row in mine if row[1] == PostState.FAILED.value},
                reasons=reasons,
            )
        )
    return found


def _counts(session: Session, column: object, *conditions: object) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(*conditions).group_by(column))  # type: ignore[call-overload]
    return {value: count for value, count in rows}  # noqa: C416 - dict(rows) is beyond mypy
