"""Feedback: what people say about the model's answers, for the service.

The bot's own corrections decide on new models, with or without it. Feedback is kept by the service beside the request
that it is about, so it is sent without a text: if the deployment does not capture requests, nothing is stored.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from foreword.errors import ForewordError, NotFoundError
from foreword.observability.logging import get_logger
from foreword_slack.inbox import PostponedError
from foreword_slack.payloads import FEEDBACK, FeedbackPayload
from foreword_slack.service import is_transient
from foreword_slack.store import AcknowledgementState, Complaint, ComplaintState, Event, NewEvent, UnitOfWork
from foreword_slack.team import Team

DELAY: Final = timedelta(seconds=5)
"""Time until feedback is sent; the service stores captured requests within a second."""
_ASK_AGAIN_SECONDS: Final = 60.0
_GIVE_UP: Final = timedelta(days=1)

_DECIDED: Final = "Decided by a person in Slack."
_TAKEN: Final = "Taken by all departments as routed, in Slack."

_log = get_logger("slack.feedback")


def schedule_feedback(uow: UnitOfWork, complaint: Complaint) -> None:
    """Schedule the feedback about a complaint that the model has answered."""
    if not complaint.request_id:
        return
    due = uow.now + DELAY
    moment = int(due.timestamp() * 1e6)
    subject = f"{FEEDBACK}:{complaint.id}"
    uow.inbox.add(
        NewEvent(
            team=uow.team,
            kind=FEEDBACK,
            dedupe_key=f"{subject}:{moment}",
            subject=subject,
            position=moment,
            payload=FeedbackPayload(complaint=complaint.id).values(),
            due_time=due,
        )
    )


async def send(event: Event, team: Team) -> None:
    """Send the feedback about a complaint as it is now, so that the last decision counts.

    Raises:
        PostponedError: The service is unavailable.
    """
    id = FeedbackPayload.read(event.payload).complaint
    said = await team.store.read(team.id, lambda uow: _said(uow, id))
    if said is None:
        return
    complaint, comment = said
    try:
        await team.service.submit_feedback(
            team.config.deployment, complaint.request_id, labels=complaint.departments, comment=comment
        )
    except NotFoundError:
        pass  # the deployment does not capture requests, or not this one
    except ForewordError as error:
        if is_transient(error) and team.clock.now() - event.receive_time < _GIVE_UP:
            raise PostponedError(_ASK_AGAIN_SECONDS, error.reason) from error
        _log.warning("feedback_refused", complaint=id, reason=error.reason)


def _said(uow: UnitOfWork, id: str) -> tuple[Complaint, str] | None:
    """Return a complaint and who is right about it; None if nobody has said so, or not about the model's input."""
    complaint = uow.complaints.get(id)
    if complaint is None or not complaint.request_id:
        return None
    if complaint.state is ComplaintState.DECIDED:
        return complaint, _DECIDED
    parts = uow.acknowledgements.of(id)
    taken = bool(parts) and all(part.state is AcknowledgementState.TAKEN for part in parts)
    return (complaint, _TAKEN) if complaint.state is ComplaintState.ROUTED and taken else None
