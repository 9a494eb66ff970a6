"""Content of the posts about a complaint, built from the stored state, at first and after each change."""

from __future__ import annotations

from dataclasses import dataclass

from foreword_slack.routing import Guess, RoutingPolicy
from foreword_slack.store import Acknowledgement, AcknowledgementState, Complaint, ComplaintState
from foreword_slack.views import ComplaintCard, Message, department_post, review_post
from foreword_slack.views.complaint import decided_post, titles, withdrawn_post


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """The presentation of a complaint.

    Attributes:
        text: Its text; redacted if the original is no longer available.
    """

    complaint: Complaint
    text: str
    policy: RoutingPolicy

    def department(self, part: Acknowledgement) -> Message:
        """Return the post for a department's channel: open, taken or withdrawn."""
        guess = guess_of(self.complaint)
        match part.state:
            case AcknowledgementState.WITHDRAWN:
                # The department is no longer concerned, so the post shows only the redacted text.
                card = _card(self.complaint, self.complaint.text)
                others = titles(self.complaint.departments, self.policy) or "no department"
                status = f"{part.actor_name or 'Somebody'} corrected this: it is for {others}."
                return withdrawn_post(card, part.department, self.policy, status=status)
            case AcknowledgementState.TAKEN:
                status = f"Taken by {part.actor_name or 'somebody'}."
                return department_post(self._card, part.department, guess, self.policy, status=status, open=False)
        return department_post(self._card, part.department, guess, self.policy)

    def review(self) -> Message:
        """Return the post for the review channel: open or decided."""
        guess = guess_of(self.complaint)
        if self.complaint.decider is None:
            return review_post(self._card, self.complaint.reasons, guess, self.policy)
        chosen = titles(self.complaint.departments, self.policy) or "no department"
        status = f"{self.complaint.decider_name or 'Somebody'} decided: {chosen}."
        return decided_post(self._card, guess, self.policy, status=status)

    def repeat(self) -> Message:
        """Return the reply in the threads of the original's posts."""
        return decided_post(self._card, None, self.policy, status="The same problem was reported again.")

    def escalation(self, label: str) -> Message:
        """Return the escalation of a complaint that a department has not taken."""
        return self._report(f"{self.policy.title(label)} has not taken this complaint in time.")

    def undelivered(self, label: str, reason: str) -> Message:
        """Return the report that a department could not be notified; `reason` is Slack's error code, or empty."""
        why = f" ({reason})" if reason else ""
        return self._report(f"{self.policy.title(label)} could not be notified: its channel refused the post{why}.")

    def _report(self, status: str) -> Message:
        card = _card(self.complaint, self.complaint.text)
        return decided_post(card, guess_of(self.complaint), self.policy, status=status)

    @property
    def _card(self) -> ComplaintCard:
        return _card(self.complaint, self.text)


def guess_of(complaint: Complaint) -> Guess | None:
    """Return the model's answer for a complaint; None if there was none."""
    if not complaint.model:
        return None
    return Guess(labels=tuple(complaint.guess), probability=0.0, scores=complaint.scores, model_version=complaint.model)


def _card(complaint: Complaint, text: str) -> ComplaintCard:
    return ComplaintCard(
        id=complaint.id,
        text=text or "(see the source)",
        revision=complaint.edit_ts or "",
        permalink=complaint.permalink,
        deleted=complaint.state is ComplaintState.DELETED,
    )
