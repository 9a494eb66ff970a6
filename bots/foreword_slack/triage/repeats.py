"""Duplicates within a time window, which are shown in the threads of the original's posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from foreword_slack.routing import Reason, ReasonCode
from foreword_slack.store import Complaint, ComplaintState, Operation, PostState, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.triage.case import Case
from foreword_slack.triage.duplicates import similarity
from foreword_slack.triage.notices import Notices
from foreword_slack.triage.post_names import is_repeat
from foreword_slack.views.complaint import shown_text

_DECIDED = (ComplaintState.ROUTED, ComplaintState.IN_REVIEW, ComplaintState.DECIDED)
_MOST_COMPARED = 500
_REFUSED = Reason(
    code=ReasonCode.ORIGINAL_REFUSED, text="This repeats an earlier complaint, but could not be added to its posts."
)


def original_of(uow: UnitOfWork, team: Team, complaint: Complaint) -> Complaint | None:
    """Return the first similar complaint within the window that has active posts; None if there is none.

    A complaint for no department, or whose posts Slack refused, has no thread to add a duplicate to.
    """
    window = team.config.duplicates.window_minutes
    if not window:
        return None
    notices = Notices(team, uow)
    since = complaint.receive_time - timedelta(minutes=window)
    for other in reversed(uow.complaints.latest(states=_DECIDED, since=since, limit=_MOST_COMPARED)):
        alike = similarity(other.signature, complaint.signature) >= team.config.duplicates.similarity
        if alike and other.id != complaint.id and notices.active_posts(other):
            return other
    return None


def add_to_original(uow: UnitOfWork, case: Case) -> bool:
    """Add a duplicate to its original; return False if the complaint is not a duplicate."""
    original = original_of(uow, case.team, case.complaint)
    if original is None:
        return False
    repeat = replace(case.complaint, state=ComplaintState.DUPLICATE, duplicate_of=original.id)
    uow.complaints.save(repeat)
    uow.audit.append("duplicate", complaint=repeat.id, facts={"of": original.id})
    notices = Notices(case.team, uow)
    notices.add_repeat(original, repeat, case.text)
    notices.notify_author(repeat, case.message)
    uow.inbox.done(case.event)
    return True


def send_to_review(uow: UnitOfWork, team: Team, complaint: Complaint, content: Mapping[str, Any]) -> bool:
    """Send a duplicate to review if it is shown nowhere because Slack refused all its posts.

    Args:
        content: Content of one of these posts.

    Returns:
        False if it is shown somewhere, or was sent to review before.
    """
    posts = [post for post in uow.posts.about(complaint.id) if is_repeat(post.name, complaint.id)]
    posts = [post for post in posts if post.operation is Operation.POST]
    if complaint.state is not ComplaintState.DUPLICATE or any(post.state is not PostState.FAILED for post in posts):
        return False
    for post in posts:
        uow.posts.retire(post.name, {})  # it must not appear again when an operator retries refused posts
    asked = replace(complaint, state=ComplaintState.IN_REVIEW, reasons=(_REFUSED.text,), decide_time=uow.now)
    uow.complaints.save(asked)
    uow.audit.append("in_review", complaint=asked.id, facts={"reasons": [_REFUSED.code.value]})
    Notices(team, uow).request_review(asked, shown_text(content).text)
    return True
