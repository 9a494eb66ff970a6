"""The deletion of captured requests, for complaints that their authors have deleted.

The service may have captured what the model was asked, with the feedback about it. Both go with the message. What is
left are datasets that were exported before; the service lists those for operators.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from foreword.errors import ForewordError, NotFoundError
from foreword.observability.logging import get_logger
from foreword_slack.inbox import PostponedError
from foreword_slack.learning.feedback import DELAY
from foreword_slack.payloads import FEEDBACK, FORGET, ForgetPayload
from foreword_slack.service import is_transient
from foreword_slack.store import Complaint, Event, NewEvent, UnitOfWork
from foreword_slack.team import Team

_ASK_AGAIN_SECONDS: Final = 60.0
_GIVE_UP: Final = timedelta(days=7)
_MOST_LINES: Final = 1_000

_log = get_logger("slack.forgetting")


def forget_complaint(uow: UnitOfWork, complaint: Complaint) -> None:
    """Schedule the deletion of all captured requests about a complaint, also those about its text before an edit."""
    lines = uow.audit.lines(complaint=complaint.id, limit=_MOST_LINES)
    asked = (str(line.facts.get("request_id", "")) for line in lines)
    forget_requests(uow, complaint, (complaint.request_id, *asked))


def forget_requests(uow: UnitOfWork, complaint: Complaint, requests: Iterable[str]) -> None:
    """Schedule the deletion of captured requests; empty ids are ignored."""
    known = tuple(dict.fromkeys(filter(None, requests)))
    if not known:
        return
    due = uow.now + DELAY
    moment = int(due.timestamp() * 1e6)
    uow.inbox.add(
        NewEvent(
            team=uow.team,
            kind=FORGET,
            dedupe_key=f"{FORGET}:{complaint.id}:{known[0]}:{moment}",
            subject=f"{FEEDBACK}:{complaint.id}",  # after feedback that is being sent
            position=moment,
            payload=ForgetPayload(requests=known).values(),
            due_time=due,
        )
    )


async def forget(event: Event, team: Team) -> None:
    """Delete captured requests.

    Raises:
        PostponedError: The service is unavailable.
    """
    requests = ForgetPayload.read(event.payload).requests
    try:
        await team.service.delete_captured(team.config.deployment, requests)
    except NotFoundError:
        pass  # there is no such deployment any more, and its captured requests have gone with it
    except ForewordError as error:
        if is_transient(error) and team.clock.now() - event.receive_time < _GIVE_UP:
            raise PostponedError(_ASK_AGAIN_SECONDS, error.reason) from error
        _log.warning(
            "captured_requests_left",
            reason=error.reason,
            request_ids=list(requests),
            remedy="delete them with `foreword deployments captures delete`, and give the bot's key the scope `write`",
        )
