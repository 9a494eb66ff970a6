"""The App Home: today's counts, and the settings that administrators can change."""

from __future__ import annotations

from foreword_slack.payloads import HomePayload
from foreword_slack.reports import day_counts, start_of_day
from foreword_slack.store import Event, RetrainingState, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.views.home import HomeCard, home_view

_MEASURED = (
    RetrainingState.READY,
    RetrainingState.PROMOTED,
    RetrainingState.ROLLED_BACK,
    RetrainingState.DECLINED,
    RetrainingState.REJECTED,
)


async def show_home(event: Event, team: Team) -> None:
    """Publish a person's App Home, which is rendered again each time they open it."""
    user = HomePayload.read(event.payload).user

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        uow.posts.publish_home(user, home_view(_card(uow, team, user)))

    await team.store.write(team.id, change)


def _card(uow: UnitOfWork, team: Team, user: str) -> HomeCard:
    measured = next((item for item in uow.retrainings.latest(states=_MEASURED) if item.metrics), None)
    return HomeCard(
        counts=day_counts(uow, start_of_day(uow.now)),
        deployment=team.config.deployment,
        departments=team.policy(uow),
        new_corrections=len(uow.corrections.unused()),
        retraining=measured,
        administrator=user in team.config.administrators,
    )
