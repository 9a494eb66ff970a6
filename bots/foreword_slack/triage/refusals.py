"""Reports of posts that Slack refused, to the review channel and to administrators."""

from __future__ import annotations

from foreword.observability.logging import get_logger
from foreword_slack.payloads import RetryPayload
from foreword_slack.store import AcknowledgementState, Complaint, ComplaintState, Event, UnitOfWork
from foreword_slack.store.post_queue import Sending
from foreword_slack.team import Team
from foreword_slack.triage.notices import Notices
from foreword_slack.triage.post_names import is_last_resort, is_repeat, routed_label
from foreword_slack.triage.repeats import send_to_review

_log = get_logger("slack.triage")


def report_refusal(uow: UnitOfWork, team: Team, sending: Sending, reason: str) -> None:
    """Report a refused post to the review channel, or to administrators if that channel refuses posts too.

    Args:
        sending: The post about a complaint that was given up.
        reason: Slack's error code, or the failure of the connection.
    """
    complaint = uow.complaints.get(sending.complaint or "")
    if complaint is None:
        return
    label = routed_label(sending.name, complaint.id)
    if complaint.state is ComplaintState.DELETED or (label is not None and _is_withdrawn(uow, complaint, label)):
        uow.posts.retire(sending.name, {})  # deleted or withdrawn while the call was in progress
        return
    notices = Notices(team, uow)
    if label is not None:
        uow.audit.append("untold", complaint=complaint.id, facts={"department": label, "reason": reason})
        notices.report_undelivered(complaint, label, reason)
    elif is_last_resort(sending.name, complaint.id):
        _log.error("nobody_notified", team=team.id, complaint=complaint.id, channel=sending.channel, reason=reason)
        uow.audit.append("nobody_told", complaint=complaint.id, facts={"channel": sending.channel, "reason": reason})
        notices.notify_administrators(sending.channel, reason)
    elif not (is_repeat(sending.name, complaint.id) and send_to_review(uow, team, complaint, sending.payload)):
        return
    complaint = uow.complaints.get(complaint.id) or complaint
    notices.notify_author(complaint)


async def retry(event: Event, team: Team) -> None:
    """Update the status in a complaint's thread after an operator retried its refused posts."""
    id = RetryPayload.read(event.payload).complaint

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        complaint = uow.complaints.get(id)
        if complaint is not None:
            Notices(team, uow).notify_author(complaint)

    await team.store.write(team.id, change)


def _is_withdrawn(uow: UnitOfWork, complaint: Complaint, label: str) -> bool:
    part = uow.acknowledgements.get(complaint.id, label)
    return part is not None and part.state is AcknowledgementState.WITHDRAWN
