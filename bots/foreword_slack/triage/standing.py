"""Where a complaint stands, in the words that its author reads."""

from __future__ import annotations

from foreword_slack.routing import RoutingPolicy
from foreword_slack.store import AcknowledgementState, Complaint, ComplaintState, Operation, PostState, UnitOfWork
from foreword_slack.triage.post_names import escalated_label, review_name, route_name, untold_name

_ASK = "Ask an administrator of the bot."


def standing(uow: UnitOfWork, complaint: Complaint, policy: RoutingPolicy) -> str:
    """What has become of a complaint until now; what Slack refused to take counts as not told."""
    match complaint.state:
        case ComplaintState.WAITING | ComplaintState.RECEIVED:
            return "Received. It is taking longer than usual to decide who should hear of it."
        case ComplaintState.IN_REVIEW if review_name(complaint.id) in _refused(uow, complaint):
            return f"Received, but nobody could be asked who should hear of it. {_ASK}"
        case ComplaintState.IN_REVIEW:
            return "Received. People are deciding who should hear of it."
        case ComplaintState.DUPLICATE:
            return "This was reported already; it was added to the earlier complaint."
        case ComplaintState.DELETED:
            return "This complaint was deleted."
    if not complaint.departments:
        return "People decided that this is for no department."
    return _told(uow, complaint, policy)


def _told(uow: UnitOfWork, complaint: Complaint, policy: RoutingPolicy) -> str:
    parts = uow.acknowledgements.of(complaint.id)
    taken = {part.department for part in parts if part.state is AcknowledgementState.TAKEN}
    refused = _refused(uow, complaint)
    not_escalated = {escalated_label(name, complaint.id) for name in refused} - taken
    told, known, unheard, late = [], [], [], []
    for label in complaint.departments:
        title = policy.title(label)
        if route_name(complaint.id, label) not in refused:
            told.append(f"{title} (taken)" if label in taken else title)
        elif untold_name(complaint.id, label) not in refused:
            known.append(title)
        else:
            unheard.append(title)
        if label in not_escalated:
            late.append(title)
    sentences = (
        (told, f"Told: {', '.join(told)}."),
        (known, f"Could not be told: {', '.join(known)}. People in review know."),
        (unheard, f"Could not be told: {', '.join(unheard)}. {_ASK}"),
        (late, f"Not taken in time: {', '.join(late)}, and nobody else could be told. {_ASK}"),
        (complaint.decider and complaint.reasons == (), "People corrected this."),
    )
    return " ".join(sentence for applies, sentence in sentences if applies)


def _refused(uow: UnitOfWork, complaint: Complaint) -> frozenset[str]:
    """Names of the posts about a complaint that Slack did not take."""
    posts = uow.posts.about(complaint.id)
    return frozenset(post.name for post in posts if post.operation is Operation.POST and post.state is PostState.FAILED)
