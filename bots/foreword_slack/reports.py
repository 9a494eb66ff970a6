"""Status reports as text: for the slash command, the command line and the App Home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from foreword_slack.config import TeamConfig
from foreword_slack.store import BotProcess, ComplaintState, InstallationState, PostState, TeamOverview, UnitOfWork
from foreword_slack.store.overview import InboxOverview
from foreword_slack.team import policy_of

_MOST_COUNTED = 100_000
_REMEDIES = {InstallationState.DOWN: "Slack accepts the token, which is tried again, or the app is installed again"}
_ACTION_NAMES = {"untold": "department_not_notified", "nobody_told": "nobody_notified"}
"""Displayed names of stored audit actions, where they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounts:
    """The complaints of a day.

    Attributes:
        received: Number of all complaints.
        routed: Number routed to departments by the model.
        reviewed: Number left to people, whether they have decided or not.
        waiting: Number not decided yet.
        corrected: Number routed by the model and then corrected by people.
    """

    received: int = 0
    routed: int = 0
    reviewed: int = 0
    waiting: int = 0
    corrected: int = 0

    @property
    def review_share(self) -> float | None:
        """The share that the model left to people; None before the first decision."""
        decided = self.routed + self.reviewed
        return self.reviewed / decided if decided else None

    @property
    def agreement(self) -> float | None:
        """The share of the complaints routed by the model that nobody corrected; None before the first."""
        return 1 - self.corrected / self.routed if self.routed else None


def day_counts(uow: UnitOfWork, since: datetime) -> DayCounts:
    """Count the complaints received at or after a time."""
    complaints = uow.complaints.latest(since=since, limit=_MOST_COUNTED)
    undecided = (ComplaintState.RECEIVED, ComplaintState.WAITING)
    by_model = [item for item in complaints if item.state not in undecided and item.model and not item.reasons]
    by_model = [item for item in by_model if item.state is not ComplaintState.DUPLICATE]
    return DayCounts(
        received=len(complaints),
        routed=len(by_model),
        reviewed=sum(bool(item.reasons) for item in complaints),
        waiting=sum(item.state in undecided for item in complaints),
        corrected=sum(item.decider is not None for item in by_model),
    )


def start_of_day(now: datetime) -> datetime:
    """Return the last midnight in UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def status_report(uow: UnitOfWork, config: TeamConfig) -> str:
    """Return a summary of today in a few lines."""
    counts = day_counts(uow, start_of_day(uow.now))
    waiting = day_counts(uow, uow.now - timedelta(days=7)).waiting
    lines = [
        f"Today (UTC): {counts.received} complaints, {counts.routed} routed, {counts.reviewed} sent to review.",
        f"Agreement with people: {_percent(counts.agreement)}. Review rate: {_percent(counts.review_share)}.",
        f"Undecided: {waiting}. New corrections: {len(uow.corrections.unused())}.",
        f"Model: {config.deployment}.",
    ]
    return "\n".join(lines)


def work_report(team: TeamOverview, now: datetime) -> list[str]:
    """Return the waiting and the failed work of a workspace, for its operator."""
    installation = team.installation
    if installation is None:
        lines = ["Not installed. Posts wait until the app is installed."]
    elif installation.state is InstallationState.ACTIVE:
        lines = [f"Installed in {installation.name}."]
    else:
        lines = [
            f"Installation {installation.state.value} ({installation.reason}). {team.parked} calls wait until "
            f"{_REMEDIES.get(installation.state, 'the app is installed again')}."
        ]
    posts = team.posts
    lines += _inbox_report("Inbox", team.inbox, now)
    calls = team.plugin_calls
    if calls.pending or calls.dead:
        lines += _inbox_report("Plugins", calls, now)
        lines += [f"  {count} to be repeated: {reason}" for reason, count in sorted(calls.reasons.items())]
    waiting = posts[PostState.PENDING] + posts[PostState.SENDING]
    lines.append(
        f"Outbox: {waiting} waiting, {posts[PostState.SENT]} sent, {posts[PostState.FAILED]} given up, "
        f"{team.unresolved} repeated after an attempt with an unknown outcome."
    )
    for channel in team.channels:
        if channel.waiting:
            why = "".join(f", {count} {reason}" for reason, count in sorted(channel.reasons.items()))
            lines.append(f"  {channel.channel}: {channel.waiting} waiting{why}")
        lines += [
            f"  {channel.channel}: {count} given up, {reason}" for reason, count in sorted(channel.failed.items())
        ]
    return lines


def _inbox_report(name: str, inbox: InboxOverview, now: datetime) -> list[str]:
    waits = f", the oldest waiting for {_seconds(now - inbox.oldest_time)}" if inbox.oldest_time else ""
    dead = sum(inbox.dead.values())
    return [
        f"{name}: {inbox.pending} pending, {inbox.overdue} of them due{waits}; {dead} given up.",
        *(f"  {count} given up: {reason}" for reason, count in sorted(inbox.dead.items())),
    ]


def process_report(bots: Sequence[BotProcess]) -> list[str]:
    """Return the running bots, and how they receive events."""
    if not bots:
        return ["No bot is running."]
    lines = []
    for bot in bots:
        sockets = f", {bot.facts['sockets']} sockets open" if "sockets" in bot.facts else ""
        last = f", last event {bot.facts['last_event'][:19]}" if bot.facts.get("last_event") else ""
        mode = bot.facts.get("mode", "")
        lines.append(f"Running: {bot.id} ({mode}{sockets}{last}) since {bot.start_time:%Y-%m-%d %H:%M} UTC.")
    return lines


def complaint_report(uow: UnitOfWork, config: TeamConfig, id: str) -> str | None:
    """Return the history of a complaint without its text, which the reader may not be allowed to see."""
    complaint = uow.complaints.get(id)
    if complaint is None:
        return None
    policy = policy_of(config, uow)
    departments = ", ".join(policy.title(label) for label in complaint.departments) or "none"
    lines = [
        f"Complaint {complaint.id}, received {complaint.receive_time:%Y-%m-%d %H:%M} UTC: "
        f"{complaint.state.value.replace('_', ' ')}.",
        f"Departments: {departments}.",
    ]
    if complaint.model:
        scores = sorted(complaint.scores.items(), key=lambda item: -item[1])
        said = ", ".join(complaint.guess) or "nothing"
        shown = ", ".join(f"{label} {score:.0%}" for label, score in scores[:5])
        lines.append(f"Answer of model {complaint.model.rsplit('/', 1)[-1]}: {said} ({shown}).")
    lines += [f"Sent to review: {reason}" for reason in complaint.reasons]
    for part in uow.acknowledgements.of(id):
        lines.append(f"{policy.title(part.department)}: {part.state.value}.")
    for line in uow.audit.lines(complaint=id):
        action = _ACTION_NAMES.get(line.action, line.action)
        lines.append(f"{line.create_time:%Y-%m-%d %H:%M:%S}  {action}{f' by {line.actor}' if line.actor else ''}")
    return "\n".join(lines)


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():.0f} s"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.0%}"
