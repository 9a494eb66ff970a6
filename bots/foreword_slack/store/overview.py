"""An overview of the store's state, for `foreword slack status` and the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foreword_slack.store.events import EventState, Lane
from foreword_slack.store.post_queue import UNSENT
from foreword_slack.store.posts import PostState
from foreword_slack.store.processes import BotProcess, Processes
from foreword_slack.store.tables import ComplaintRow, InboxRow, OutboxRow
from foreword_slack.store.workspaces import InstallationState, Workspace, Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxOverview:
    """The events of a workspace, or its calls of plugins.

    Attributes:
        pending: Number of pending events, including those in progress and timers.
        overdue: Number of events that are due.
        oldest_time: Time when the oldest overdue event was received; None if none is overdue.
        dead: Number of events given up, by reason.
        reasons: Number of pending events that have failed, by the last reason.
    """

    pending: int
    overdue: int
    oldest_time: datetime | None
    dead: Mapping[str, int]
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOverview:
    """The unfinished and failed calls to a channel.

    Attributes:
        waiting: Number of calls still to be made.
        failed: Number of calls given up, by Slack's error code.
        reasons: Number of waiting calls by the reason of the wait, if known.
    """

    channel: str
    waiting: int
    failed: Mapping[str, int]
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamOverview:
    """The state of a workspace.

    Attributes:
        installation: The installation; None if the bot was never installed there.
        inbox: The events of Slack and the bot's timers.
        plugin_calls: The calls of plugins.
        posts: Number of calls of Slack by state.
        parked: Number of pending calls that wait until the bot is installed again.
        oldest_post_time: Time when the oldest call that is due was requested; None if none is due.
        unresolved: Number of calls repeated although the outcome of the earlier attempt is unknown.
        channels: Channels with unfinished or failed calls, by id.
    """

    team: str
    installation: Workspace | None
    inbox: InboxOverview
    plugin_calls: InboxOverview
    posts: Mapping[PostState, int]
    parked: int
    oldest_post_time: datetime | None
    unresolved: int
    channels: Sequence[ChannelOverview]
    complaints: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The state of all workspaces at one time.

    Attributes:
        processes: Running bots on this store, with their sockets and counters.
        teams: Workspaces, sorted by id.
    """

    time: datetime
    processes: Sequence[BotProcess]
    teams: Sequence[TeamOverview]


def read_overview(session: Session, now: datetime, *, silence: timedelta = timedelta(minutes=1)) -> Overview:
    """Read the state of all workspaces.

    Args:
        silence: Time without a heartbeat after which a bot counts as stopped.
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
        inbox=_inbox(session, team, now, Lane.EVENTS),
        plugin_calls=_inbox(session, team, now, Lane.PLUGINS),
        posts={state: posts.get(state.value, 0) for state in PostState},
        parked=waiting if down else 0,
        oldest_post_time=session.scalars(
            select(func.min(OutboxRow.create_time)).where(
                OutboxRow.team == team, OutboxRow.state.in_(UNSENT), OutboxRow.due_time <= now
            )
        ).one(),
        unresolved=int(session.scalars(unresolved).one()),
        channels=_channels(session, team),
        complaints=_counts(session, ComplaintRow.state, ComplaintRow.team == team),
    )


def _inbox(session: Session, team: str, now: datetime, lane: Lane) -> InboxOverview:
    mine = (InboxRow.team == team, lane.condition())
    pending = (*mine, InboxRow.state == EventState.PENDING.value)
    overdue = (*pending, InboxRow.due_time <= now)
    return InboxOverview(
        pending=session.scalars(select(func.count()).select_from(InboxRow).where(*pending)).one(),
        overdue=session.scalars(select(func.count()).select_from(InboxRow).where(*overdue)).one(),
        oldest_time=session.scalars(select(func.min(InboxRow.receive_time)).where(*overdue)).one(),
        dead=_counts(session, InboxRow.reason, *mine, InboxRow.state == EventState.DEAD.value),
        reasons=_counts(session, InboxRow.reason, *pending, InboxRow.reason != ""),
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
    return {value: count for value, count in rows}  # noqa: C416 - mypy rejects dict(rows)
