"""Proposes a retrain when people have taught enough."""

from __future__ import annotations

from datetime import UTC, datetime

from foreword_slack.learning.material import gather
from foreword_slack.learning.progress import enqueue, patiently, show
from foreword_slack.store import Event, RetrainingState, UnitOfWork
from foreword_slack.triage.payloads import DECLINE, PROPOSAL, RETRAIN
from foreword_slack.triage.team import Team
from foreword_slack.views.learning import RetrainingCard

_OPEN = (RetrainingState.PROPOSED, RetrainingState.TUNING, RetrainingState.READY)


def consider(uow: UnitOfWork, team: Team, cause: str) -> None:
    """Has the bot look later whether enough has come for a proposal.

    Args:
        cause: What was new, named the same when it is handled again.
    """
    if team.config.learning.propose_after:
        enqueue(uow, PROPOSAL, f"{PROPOSAL}:{cause}", {})


async def propose(event: Event, team: Team) -> None:
    """Proposes a retrain when enough corrections have come, and enough rows to measure with."""
    if not await team.store.read(team.id, lambda uow: _enough(uow, team)):
        return
    material = await patiently(gather(team))
    if len(material.rows.held_out) < team.config.learning.minimum_held_out_rows:
        return

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        if not _enough(uow, team):
            return
        retraining = uow.retrainings.propose()
        facts = (
            f"{len(material.rows.training)} rows to learn from, {len(material.rows.held_out)} to measure with, "
            f"{material.rows.refused} left out because their corrector had given enough.",
        )
        headline = f"{len(material.unused)} new corrections have come. Retrain the model with them?"
        uow.audit.append("retrain_proposed", facts={"retraining": retraining.key})
        show(uow, team, RetrainingCard(key=retraining.key, headline=headline, facts=facts, buttons=(RETRAIN, DECLINE)))

    await team.store.write(team.id, change)


def _enough(uow: UnitOfWork, team: Team) -> bool:
    """Whether enough corrections came since people were asked last, those of one person counted up to the bound."""
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
