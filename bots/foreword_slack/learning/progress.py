"""The progress of a retraining: its row, its message in the review channel, and its next step."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from foreword.errors import ForewordError
from foreword_slack.comparison import Comparison, Score
from foreword_slack.inbox import PostponedError
from foreword_slack.payloads import LEARNING_STEP, StepPayload
from foreword_slack.service import is_transient
from foreword_slack.store import Event, NewEvent, Retraining, RetrainingState, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.views.learning import RetrainingCard, retraining_post

ASK_AGAIN_SECONDS = 15.0

Answer = TypeVar("Answer")


def show(uow: UnitOfWork, team: Team, card: RetrainingCard) -> None:
    """Post or update the message of a retraining."""
    name, shown = f"retraining:{card.key}", retraining_post(card).payload()
    if not uow.posts.post(name, team.config.review_channel, shown):
        uow.posts.update(name, shown)


def fail(uow: UnitOfWork, team: Team, event: Event, retraining: Retraining, reason: str) -> None:
    """End a retraining that cannot succeed."""
    uow.inbox.done(event)
    uow.retrainings.save(replace(retraining, state=RetrainingState.FAILED, reason=reason))
    uow.audit.append("retrain_failed", facts={"retraining": retraining.key, "reason": reason})
    headline = "The retrain failed. The current model keeps serving."
    show(uow, team, RetrainingCard(key=retraining.key, headline=headline, facts=(reason,)))


def schedule_steps(uow: UnitOfWork, retraining: Retraining, cause: str) -> None:
    """Schedule the steps of a retraining.

    Args:
        cause: A stable name of the cause, the same if the event is handled again.
    """
    values = StepPayload(retraining=retraining.key).values()
    enqueue(uow, LEARNING_STEP, f"{LEARNING_STEP}:{retraining.key}:{cause}", values)


def enqueue(uow: UnitOfWork, kind: str, key: str, payload: Mapping[str, Any]) -> None:
    """Add an event to the inbox, once for each key."""
    moment = int(uow.now.timestamp() * 1e6)
    uow.inbox.add(NewEvent(team=uow.team, kind=kind, dedupe_key=key, subject=key, position=moment, payload=payload))


def stored_comparison(metrics: Mapping[str, Any]) -> Comparison | None:
    """Return the comparison in stored metrics; None if there is none yet."""
    if "new" not in metrics:
        return None
    return Comparison(current=Score(**metrics["current"]), new=Score(**metrics["new"]))


def short(model: str) -> str:
    """Return the last part of a model's resource name."""
    return model.rsplit("/", 1)[-1]


async def await_service(call: Awaitable[Answer]) -> Answer:
    """Await a call of the service, and postpone the event if the service is unavailable.

    Raises:
        PostponedError: The call may succeed later; this does not count as a failure.
        ForewordError: The call failed permanently.
    """
    try:
        return await call
    except ForewordError as error:
        if is_transient(error):
            raise PostponedError(ASK_AGAIN_SECONDS, error.reason) from error
        raise
