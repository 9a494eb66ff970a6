"""The status of a complaint, in the words that its author reads."""

from __future__ import annotations

from foreword_slack.routing import RoutingPolicy
from foreword_slack.store import AcknowledgementState, Complaint, ComplaintState, Operation, PostState, UnitOfWork
from foreword_slack.triage.post_names import escalated_label, review_name, route_name, undelivered_name

_ASK = "Ask an administrator of the bot for help."


def describe_status(uow: UnitOfWork, complaint: Complaint, policy: RoutingPolicy) -> str:
    """Return the status of a complaint; a department whose post Slack refused counts as not notified."""
    match complaint.state:
        case ComplaintState.WAITING | ComplaintState.RECEIVED:
            return "Received. Routing is taking longer than usual."
        case ComplaintState.IN_REVIEW if review_name(complaint.id) in _refused(uow, complaint):
            return f"Received, but the review channel could not be notified. {_ASK}"
        case ComplaintState.IN_REVIEW:
            return "Received. A person will decide which departments should handle it."
        case ComplaintState.DUPLICATE:
            return "This was reported already and has been added to the earlier complaint."
        case ComplaintState.DELETED:
            return "This complaint was deleted."
    if not complaint.departments:
        return "A person decided that this is for no department."
    return _describe_departments(uow, complaint, policy)


def _describe_departments(uow: UnitOfWork, complaint: Complaint, policy: RoutingPolicy) -> str:
    parts = uow.acknowledgements.of(complaint.id)
    taken = {part.department for part in parts if part.state is AcknowledgementState.TAKEN}
    refused = _refused(uow, complaint)
    not_escalated = {escalated_label(name, complaint.id) for name in refused} - taken
    notified, reported, unreported, late = [], [], [], []
    for label in complaint.departments:
        title = policy.title(label)
        if route_name(complaint.id, label) not in refused:
            notified.append(f"{title} (taken)" if label in taken else title)
        elif undelivered_name(complaint.id, label) not in refused:
            reported.append(title)
        else:
            unreported.append(title)
        if label in not_escalated:
            late.append(title)
    sentences = (
        (notified, f"Notified: {', '.join(notified)}."),
        (reported, f"Could not be notified: {', '.join(reported)}. The review channel has been informed."),
        (unreported, f"Could not be notified: {', '.join(unreported)}. {_ASK}"),
        (late, f"Not taken in time, and the escalation could not be delivered: {', '.join(late)}. {_ASK}"),
        (complaint.decider and complaint.reasons == (), "A person corrected the departments."),
    )
    return " ".join(sentence for applies, sentence in sentences if applies)


def _refused(uow: UnitOfWork, complaint: Complaint) -> frozenset[str]:
    """Return the names of the posts about a complaint that Slack refused."""
    posts = uow.posts.about(complaint.id)
    return frozenset(post.name for post in posts if post.operation is Operation.POST and post.state is PostState.FAILED)
