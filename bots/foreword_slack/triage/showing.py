"""What the posts about a complaint show, made from what is stored: the same at first and after each change."""

from __future__ import annotations

from dataclasses import dataclass

from foreword_slack.routing import Guess, RoutingPolicy
from foreword_slack.store import Acknowledgement, AcknowledgementState, Complaint, ComplaintState
from foreword_slack.views import ComplaintCard, Message, department_post, review_post
from foreword_slack.views.complaint import decided_post, titles, withdrawn_post


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """A complaint as people see it.

    Attributes:
        text: Its words; redacted where the original is no longer at hand.
    """

    complaint: Complaint
    text: str
    policy: RoutingPolicy

    def department(self, part: Acknowledgement) -> Message:
        """In the channel of a department: to be taken, taken, or no longer its own."""
        guess = guess_of(self.complaint)
        match part.state:
            case AcknowledgementState.WITHDRAWN:
                # Those whom it does not concern any more get no original again.
                card = _card(self.complaint, self.complaint.text)
                others = titles(self.complaint.departments, self.policy) or "no department"
                status = f"{part.actor_name or 'Somebody'} corrected this: it is for {others}."
                return withdrawn_post(card, part.department, self.policy, status=status)
            case AcknowledgementState.TAKEN:
                status = f"Taken by {part.actor_name or 'somebody'}."
                return department_post(self._card, part.department, guess, self.policy, status=status, open=False)
        return department_post(self._card, part.department, guess, self.policy)

    def review(self) -> Message:
        """In the review channel: to be decided, or decided."""
        guess = guess_of(self.complaint)
        if self.complaint.decider is None:
            return review_post(self._card, self.complaint.reasons, guess, self.policy)
        chosen = titles(self.complaint.departments, self.policy) or "no department"
        status = f"{self.complaint.decider_name or 'Somebody'} decided: {chosen}."
        return decided_post(self._card, guess, self.policy, status=status)

    def repeat(self) -> Message:
        """Below the posts of the complaint that it repeats."""
        return decided_post(self._card, None, self.policy, status="The same was reported again.")

    def escalation(self, label: str) -> Message:
        """Where others read that a department has not taken it."""
        return self._word_to_others(f"{self.policy.title(label)} has not taken this complaint in time.")

    def untold(self, label: str, reason: str) -> Message:
        """Where others read that a department cannot be told; `reason`, Slack's word for why, may be empty."""
        why = f" ({reason})" if reason else ""
        return self._word_to_others(
            f"{self.policy.title(label)} has not heard of this: its channel refused the post{why}."
        )

    def _word_to_others(self, status: str) -> Message:
        card = _card(self.complaint, self.complaint.text)
        return decided_post(card, guess_of(self.complaint), self.policy, status=status)

    @property
    def _card(self) -> ComplaintCard:
        return _card(self.complaint, self.text)


def guess_of(complaint: Complaint) -> Guess | None:
    """What the model said of a complaint; None when it never could."""
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
