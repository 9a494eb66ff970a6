"""Complaints that repeat another within a window: shown below its posts, not posted again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from foreword_slack.routing import Reason, ReasonCode
from foreword_slack.store import Complaint, ComplaintState, Event, Operation, PostState, UnitOfWork
from foreword_slack.triage.duplicates import similarity
from foreword_slack.triage.notices import Notices
from foreword_slack.triage.payloads import MessagePayload
from foreword_slack.triage.post_names import is_repeat
from foreword_slack.triage.team import Team
from foreword_slack.views.complaint import shown_text

_DECIDED = (ComplaintState.ROUTED, ComplaintState.IN_REVIEW, ComplaintState.DECIDED)
_MOST_COMPARED = 500
_REFUSED = Reason(code=ReasonCode.ORIGINAL_REFUSED, text="The complaint that it repeats could not be shown.")


def original_of(uow: UnitOfWork, team: Team, complaint: Complaint) -> Complaint | None:
    """The first complaint of the same words within the window that somebody reads somewhere; None when there is none.

    One that people gave to no department, or that Slack took nowhere, has no place to which another could be added.
    """
    window = team.config.duplicates.window_minutes
    if not window:
        return None
    notices = Notices(team, uow)
    since = complaint.receive_time - timedelta(minutes=window)
    for other in reversed(uow.complaints.latest(states=_DECIDED, since=since, limit=_MOST_COMPARED)):
        alike = similarity(other.signature, complaint.signature) >= team.config.duplicates.similarity
        if alike and other.id != complaint.id and notices.standing_posts(other):
            return other
    return None


def add_to_original(
    uow: UnitOfWork, team: Team, event: Event, message: MessagePayload, complaint: Complaint, text: str
) -> bool:
    """Adds a complaint below the one that it repeats; False when it repeats none."""
    original = original_of(uow, team, complaint)
    if original is None:
        return False
    repeat = replace(complaint, state=ComplaintState.DUPLICATE, duplicate_of=original.id)
    uow.complaints.save(repeat)
    uow.audit.append("duplicate", complaint=repeat.id, facts={"of": original.id})
    notices = Notices(team, uow)
    notices.add_repeat(original, repeat, text)
    notices.tell_author(repeat, message.asker)
    uow.inbox.done(event)
    return True


def leave_to_people(uow: UnitOfWork, team: Team, complaint: Complaint, content: Mapping[str, Any]) -> bool:
    """Asks people about a repeat that is shown nowhere, because Slack refused every post that it was to stand below.

    Args:
        content: Of a post that was to show it.

    Returns:
        False when it is shown somewhere, or people were asked before.
    """
    posts = [post for post in uow.posts.about(complaint.id) if is_repeat(post.name, complaint.id)]
    posts = [post for post in posts if post.operation is Operation.POST]
    if complaint.state is not ComplaintState.DUPLICATE or any(post.state is not PostState.FAILED for post in posts):
        return False
    for post in posts:
        uow.posts.retire(post.name, {})  # it must not come a second time when somebody has refused posts sent again
    asked = replace(complaint, state=ComplaintState.IN_REVIEW, reasons=(_REFUSED.text,), decide_time=uow.now)
    uow.complaints.save(asked)
    uow.audit.append("in_review", complaint=asked.id, facts={"reasons": [_REFUSED.code.value]})
    Notices(team, uow).ask_people(asked, shown_text(content).text)
    return True
