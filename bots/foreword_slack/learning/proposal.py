"""Proposal of a retrain once there are enough corrections."""

from __future__ import annotations

from datetime import UTC, datetime

from foreword_slack.learning.material import gather
from foreword_slack.learning.progress import await_service, enqueue, show
from foreword_slack.payloads import DECLINE, PROPOSAL, RETRAIN
from foreword_slack.store import Event, RetrainingState, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.views.learning import RetrainingCard

_OPEN = (RetrainingState.PROPOSED, RetrainingState.TUNING, RetrainingState.READY)


def schedule_proposal(uow: UnitOfWork, team: Team, cause: str) -> None:
    """Schedule a check whether there are enough corrections for a proposal.

    Args:
        cause: A stable name of the cause, the same if the event is handled again.
    """
    if team.config.learning.propose_after:
        enqueue(uow, PROPOSAL, f"{PROPOSAL}:{cause}", {})


async def propose(event: Event, team: Team) -> None:
    """Propose a retrain if there are enough new corrections and enough evaluation rows."""
    if not await team.store.read(team.id, lambda uow: _enough(uow, team)):
        return
    material = await await_service(gather(team))
    if len(material.rows.held_out) < team.config.learning.minimum_held_out_rows:
        return

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        if not _enough(uow, team):
            return
        retraining = uow.retrainings.propose()
        facts = (
            f"{len(material.rows.training)} training rows, {len(material.rows.held_out)} evaluation rows, "
            f"{material.rows.refused} corrections left out by the limit for each person.",
        )
        headline = f"There are {len(material.unused)} new corrections. Retrain the model with them?"
        uow.audit.append("retrain_proposed", facts={"retraining": retraining.key})
        show(uow, team, RetrainingCard(key=retraining.key, headline=headline, facts=facts, buttons=(RETRAIN, DECLINE)))

    await team.store.write(team.id, change)


def _enough(uow: UnitOfWork, team: Team) -> bool:
    """Return whether there are enough corrections since the last proposal, counting each person's up to the maximum."""
    if uow.retrainings.latest(states=_OPEN, limit=1):
        return False
    last = uow.retrainings.latest(limit=1)
    since = last[0].create_time if last else datetime.min.replace(tzinfo=UTC)
    by_actor: dict[str, int] = {}
    for correction in uow.corrections.unused():
        if correction.create_time is None or correction.create_time > since:
            by_actor[correction.actor] = by_actor.get(correction.actor, 0) + 1
    most = team.config.learning.most_per_corrector
    return sum(min(count, most) for count in by_actor.values()) >= max(1, team.config.learning.propose_after)
