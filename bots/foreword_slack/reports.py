"""How things stand, in plain words: for the slash command, the command line and the App Home."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from foreword_slack.config import TeamConfig
from foreword_slack.store import ComplaintState, UnitOfWork
from foreword_slack.triage.team import policy_of

_MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounts:
    """Complaints of one day.

    Attributes:
        received: All of them.
        routed: Told to departments as the model said.
        reviewed: Left to people, whether they have decided or not.
        waiting: Not decided yet.
        corrected: Routed by the model and changed by people.
    """

    received: int = 0
    routed: int = 0
    reviewed: int = 0
    waiting: int = 0
    corrected: int = 0

    @property
    def review_share(self) -> float | None:
        """Share that the model left to people; None before the first decision."""
        decided = self.routed + self.reviewed
        return self.reviewed / decided if decided else None

    @property
    def agreement(self) -> float | None:
        """Share of what the model routed that nobody corrected; None before the first."""
        return 1 - self.corrected / self.routed if self.routed else None


def day_counts(uow: UnitOfWork, since: datetime) -> DayCounts:
    """Counts the complaints received at or after a time."""
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
    """Midnight before, in UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def status_report(uow: UnitOfWork, config: TeamConfig) -> str:
    """Today in a few lines."""
    counts = day_counts(uow, start_of_day(uow.now))
    waiting = day_counts(uow, uow.now - timedelta(days=7)).waiting
    lines = [
        f"Today (UTC): {counts.received} complaints, {counts.routed} routed, {counts.reviewed} left to people.",
        f"Agreement: {_percent(counts.agreement)}. Left to people: {_percent(counts.review_share)}.",
        f"Not decided yet: {waiting}. New corrections: {len(uow.corrections.unused())}.",
        f"Model: {config.deployment}.",
    ]
    return "\n".join(lines)


def complaint_report(uow: UnitOfWork, config: TeamConfig, id: str) -> str | None:
    """What became of a complaint, without its words: whoever asks may not be meant to read them."""
    complaint = uow.complaints.get(id)
    if complaint is None:
        return None
    policy = policy_of(config, uow)
    told = ", ".join(policy.title(label) for label in complaint.departments) or "none"
    lines = [
        f"Complaint {complaint.id}, received {complaint.receive_time:%Y-%m-%d %H:%M} UTC: "
        f"{complaint.state.value.replace('_', ' ')}.",
        f"Departments: {told}.",
    ]
    if complaint.model:
        scores = sorted(complaint.scores.items(), key=lambda item: -item[1])
        said = ", ".join(complaint.guess) or "nothing"
        shown = ", ".join(f"{label} {score:.0%}" for label, score in scores[:5])
        lines.append(f"The model {complaint.model.rsplit('/', 1)[-1]} said: {said} ({shown}).")
    lines += [f"Left to people: {reason}" for reason in complaint.reasons]
    for part in uow.acknowledgements.of(id):
        lines.append(f"{policy.title(part.department)}: {part.state.value}.")
    for line in uow.audit.lines(complaint=id):
        lines.append(f"{line.create_time:%Y-%m-%d %H:%M:%S}  {line.action}{f' by {line.actor}' if line.actor else ''}")
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "not known yet" if share is None else f"{share:.0%}"
