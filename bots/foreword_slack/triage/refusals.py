"""What Slack refuses to take of a complaint: who hears of it instead, and who can help."""

from __future__ import annotations

from foreword.observability.logging import get_logger
from foreword_slack.store import AcknowledgementState, Complaint, ComplaintState, Event, UnitOfWork
from foreword_slack.store.post_queue import Sending
from foreword_slack.triage.notices import Notices
from foreword_slack.triage.payloads import RetryPayload
from foreword_slack.triage.post_names import is_last_resort, is_repeat, routed_label
from foreword_slack.triage.repeats import leave_to_people
from foreword_slack.triage.team import Team

_log = get_logger("slack.triage")


def pass_on(uow: UnitOfWork, team: Team, sending: Sending, reason: str) -> None:
    """Tells people in review of a department that cannot be told, and administrators when those cannot be told either.

    Args:
        sending: A post about a complaint that was given up.
        reason: Slack's error code, or what happened to the connection.
    """
    complaint = uow.complaints.get(sending.complaint or "")
    if complaint is None:
        return
    label = routed_label(sending.name, complaint.id)
    if complaint.state is ComplaintState.DELETED or (label is not None and _is_withdrawn(uow, complaint, label)):
        uow.posts.retire(sending.name, {})  # it went while it was under way
        return
    notices = Notices(team, uow)
    if label is not None:
        uow.audit.append("untold", complaint=complaint.id, facts={"department": label, "reason": reason})
        notices.tell_untold(complaint, label, reason)
    elif is_last_resort(sending.name, complaint.id):
        _log.error("nobody_told", team=team.id, complaint=complaint.id, channel=sending.channel, reason=reason)
        uow.audit.append("nobody_told", complaint=complaint.id, facts={"channel": sending.channel, "reason": reason})
        notices.tell_administrators(sending.channel, reason)
    elif not (is_repeat(sending.name, complaint.id) and leave_to_people(uow, team, complaint, sending.payload)):
        return
    complaint = uow.complaints.get(complaint.id) or complaint
    notices.tell_author(complaint)


async def try_again(event: Event, team: Team) -> None:
    """Tells the author of a complaint how it stands, now that an operator has its refused posts sent again."""
    id = RetryPayload.read(event.payload).complaint

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        complaint = uow.complaints.get(id)
        if complaint is not None:
            Notices(team, uow).tell_author(complaint)

    await team.store.write(team.id, change)


def _is_withdrawn(uow: UnitOfWork, complaint: Complaint, label: str) -> bool:
    part = uow.acknowledgements.get(complaint.id, label)
    return part is not None and part.state is AcknowledgementState.WITHDRAWN
