"""The posts about a complaint: in its departments' channels, the review channel, and the thread of its author.

All posts are requested here, so that nothing is posted to a channel that is not configured, or sent to a person who is
not an administrator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from foreword_slack.config import AcknowledgementConfig
from foreword_slack.payloads import CLOCK, ClockPayload, MessagePayload
from foreword_slack.routing import RoutingPolicy
from foreword_slack.store import (
    Acknowledgement,
    AcknowledgementState,
    Complaint,
    ComplaintState,
    NewEvent,
    Operation,
    Post,
    PostState,
    UnitOfWork,
)
from foreword_slack.team import Team
from foreword_slack.triage.post_names import (
    escalation_name,
    note_name,
    review_name,
    route_name,
    routed_label,
    undelivered_name,
)
from foreword_slack.triage.showing import Showing
from foreword_slack.triage.status import describe_status
from foreword_slack.views import Message
from foreword_slack.views.complaint import refusal_note, thread_note

_RESPONSE_URL_LIFETIME = timedelta(minutes=25)
"""Slack accepts answers for half an hour; the rest is for waits of the outbox."""


class Notices:
    """The posts about complaints, requested in one transaction."""

    def __init__(self, team: Team, uow: UnitOfWork) -> None:
        self._team, self._uow = team, uow
        self.policy: RoutingPolicy = team.policy(uow)
        self._channels = team.channels(uow)

    def notify_department(self, complaint: Complaint, label: str, text: str) -> None:
        """Post a complaint to a department, or reopen its post, and start its clock."""
        rule = self.policy.departments[label]
        waiting = Acknowledgement(complaint=complaint.id, department=label)
        shown = self._showing(complaint, text).department(waiting)
        name = route_name(complaint.id, label)
        posted = self._post(name, rule.channel, shown, complaint.id)
        if not posted and not self._uow.posts.post_again(name, rule.channel, shown.payload()):
            self._uow.posts.update(name, shown.payload())
            # Slack does not notify people of an edit, so a reply announces it.
            again = f"again:{complaint.id}:{label}:{_moment(self._uow.now)}"
            self._post(
                again,
                rule.channel,
                thread_note("This complaint is for your department again."),
                complaint.id,
                thread_of=name,
            )
        self._uow.acknowledgements.save(waiting)
        self.set_clock(waiting)

    def withdraw(self, complaint: Complaint, label: str, actor: str, actor_name: str) -> None:
        """Mark a department's post as no longer its own."""
        part = Acknowledgement(
            complaint=complaint.id,
            department=label,
            state=AcknowledgementState.WITHDRAWN,
            actor=actor,
            actor_name=actor_name,
        )
        self._uow.acknowledgements.save(part)
        shown = self._showing(complaint, complaint.text).department(part)
        self._uow.posts.retire(route_name(complaint.id, label), shown.payload())

    def show_taken(self, complaint: Complaint, part: Acknowledgement, text: str) -> None:
        """Show in the department's channel who has taken a complaint."""
        shown = self._showing(complaint, text).department(part)
        self._uow.posts.update(route_name(complaint.id, part.department), shown.payload())

    def mirror(self, complaint: Complaint, text: str) -> None:
        """Update all posts of an edited or deleted complaint."""
        # Posts that Slack refused before the deletion must not be sent when an operator retries refused posts.
        show = self._uow.posts.retire if complaint.state is ComplaintState.DELETED else self._uow.posts.update
        posts = [post for post in self._uow.posts.about(complaint.id) if post.operation is Operation.POST]
        reasons = {post.name: post.reason for post in posts if post.state is PostState.FAILED}
        for post in posts:
            shown = self._mirrored(post.name, self._showing(complaint, text), reasons)
            if shown is not None:
                show(post.name, shown.payload())

    def _mirrored(self, name: str, showing: Showing, reasons: Mapping[str, str]) -> Message | None:
        """Return the new content of a post whose complaint changed; None if the post does not show the complaint."""
        complaint = showing.complaint
        kind, _, rest = name.partition(":")
        place = rest.removeprefix(f"{complaint.id}:")
        parts = {part.department: part for part in self._uow.acknowledgements.of(complaint.id)}
        # The time of a clock may follow the label, and a label may contain colons.
        named = (label for label in parts if place == label or place.startswith(f"{label}:"))
        label = max(named, key=len, default=None)
        match kind:
            case "review":
                return showing.review()
            case "repeat":
                return showing.repeat()
            case "note" if complaint.state is ComplaintState.DELETED:
                return thread_note(describe_status(self._uow, complaint, self.policy))
            case "route" if label is not None:
                return showing.department(parts[label])
            case "escalate" if label is not None:
                return showing.escalation(label)
            case "untold" if label is not None:
                return showing.undelivered(label, reasons.get(route_name(complaint.id, label), ""))
        return None

    def request_review(self, complaint: Complaint, text: str) -> None:
        """Ask for a decision in the review channel."""
        shown = self._showing(complaint, text).review()
        self._post(review_name(complaint.id), self._team.config.review_channel, shown, complaint.id)

    def show_decided(self, complaint: Complaint, text: str) -> None:
        """Show the decision in the review channel."""
        self._uow.posts.update(review_name(complaint.id), self._showing(complaint, text).review().payload())

    def notify_author(self, complaint: Complaint, message: MessagePayload | None = None) -> None:
        """Post or update the status of a complaint in its thread.

        Args:
            message: The message of the complaint; a person who asked to route it gets a private answer.
        """
        shown = thread_note(describe_status(self._uow, complaint, self.policy))
        if complaint.thread_ts is not None:
            name = note_name(complaint.id)
            if self._uow.posts.get(name) is not None:
                self._uow.posts.update(name, shown.payload())
                return
            # The only posts outside configured channels: in the thread in which a person addressed the bot.
            self._uow.posts.post(
                name, complaint.channel, shown.payload(), complaint=complaint.id, thread_ts=complaint.thread_ts
            )
        elif message is not None and message.asker:
            self._answer_privately(complaint, message, shown)

    def _answer_privately(self, complaint: Complaint, message: MessagePayload, shown: Message) -> None:
        name = f"answer:{complaint.id}:{complaint.state.value}"
        if message.response_url and self._uow.now - complaint.receive_time < _RESPONSE_URL_LIFETIME:
            # Works in every channel, whereas the bot may post only to those of which it is a member.
            self._uow.posts.respond(name, complaint.channel, message.response_url, shown.payload())
        else:
            self._uow.posts.ephemeral(name, complaint.channel, message.asker, shown.payload())

    def remind(self, complaint: Complaint, label: str, due_time: datetime) -> None:
        """Remind a department in the thread of its post.

        Args:
            due_time: Time of the clock; it differs if a complaint comes back to a department.
        """
        shown = thread_note(f"Reminder: {self.policy.title(label)} has not taken this complaint yet.")
        name = f"remind:{complaint.id}:{label}:{_moment(due_time)}"
        channel = self.policy.departments[label].channel
        self._post(name, channel, shown, complaint.id, thread_of=route_name(complaint.id, label))

    def escalate(self, complaint: Complaint, label: str, due_time: datetime) -> None:
        """Escalate a complaint that a department has not taken to its escalation channel, or to review.

        Args:
            due_time: Time of the clock, as in `remind`.
        """
        clock = self._clock(label)
        channel = (clock.escalate_to if clock else None) or self._team.config.review_channel
        shown = self._showing(complaint, complaint.text).escalation(label)
        self._post(escalation_name(complaint.id, label, _moment(due_time)), channel, shown, complaint.id)

    def report_undelivered(self, complaint: Complaint, label: str, reason: str) -> None:
        """Report in the review channel that a department could not be notified."""
        shown = self._showing(complaint, complaint.text).undelivered(label, reason)
        name, review = undelivered_name(complaint.id, label), self._team.config.review_channel
        if not self._post(name, review, shown, complaint.id):
            self._uow.posts.post_again(name, review, shown.payload())

    def notify_administrators(self, channel: str, reason: str) -> None:
        """Notify each administrator, once a day, that a channel refuses posts and complaints are not delivered.

        Args:
            reason: Slack's error code, or the failure of the connection.
        """
        shown = refusal_note(channel, reason)
        for user in self._team.config.administrators:
            name = f"refusal:{channel}:{reason}:{user}:{self._uow.now:%Y-%m-%d}"
            self._uow.posts.post(name, user, shown.payload())

    def add_repeat(self, original: Complaint, complaint: Complaint, text: str) -> None:
        """Post a duplicate complaint in the threads of the original's posts."""
        shown = self._showing(complaint, text).repeat()
        for above in self.active_posts(original):
            place = routed_label(above.name, original.id) or "review"
            self._post(f"repeat:{complaint.id}:{place}", above.channel, shown, complaint.id, thread_of=above.name)

    def active_posts(self, complaint: Complaint) -> list[Post]:
        """Return the posts in which departments or reviewers see a complaint, without those that Slack refused."""
        names = [route_name(complaint.id, label) for label in complaint.departments]
        if complaint.state is ComplaintState.IN_REVIEW:
            names.append(review_name(complaint.id))
        posts = (self._uow.posts.get(name) for name in names)
        ended = (PostState.FAILED, PostState.SUPERSEDED)
        return [post for post in posts if post is not None and post.state not in ended]

    def set_clock(self, part: Acknowledgement) -> None:
        """Start the next clock of a department, if it has one."""
        clock = self._clock(part.department)
        if clock is None:
            return
        reminded = part.state is AcknowledgementState.REMINDED
        minutes = clock.escalate_after_minutes - clock.remind_after_minutes if reminded else clock.remind_after_minutes
        due = self._uow.now + timedelta(minutes=minutes)
        self._uow.acknowledgements.save(replace(part, due_time=due))
        subject = f"clock:{part.complaint}:{part.department}"
        moment = _moment(due)
        self._uow.inbox.add(
            NewEvent(
                team=self._team.id,
                kind=CLOCK,
                dedupe_key=f"{subject}:{moment}",
                subject=subject,
                position=moment,
                payload=ClockPayload(complaint=part.complaint, label=part.department).values(),
                due_time=due,
            )
        )

    def _showing(self, complaint: Complaint, text: str) -> Showing:
        return Showing(complaint=complaint, text=text, policy=self.policy)

    def _clock(self, label: str) -> AcknowledgementConfig | None:
        found = (item for item in self._team.departments(self._uow) if item.label == label)
        department = next(found, None)
        return department.acknowledgement if department else None

    def _post(self, name: str, channel: str, message: Message, complaint: str, *, thread_of: str | None = None) -> bool:
        above = self._uow.posts.get(thread_of) if thread_of else None
        if above is not None:
            channel = above.channel  # may be the department's former channel
        else:
            assert channel in self._channels, "posts go only into configured channels"
        return self._uow.posts.post(name, channel, message.payload(), complaint=complaint, thread_of=thread_of)


def _moment(time: datetime) -> int:
    """Return a time in microseconds, for use in names."""
    return int(time.timestamp() * 1e6)
