"""Dispatch of events to their handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from foreword_slack import payloads
from foreword_slack.home import show_home
from foreword_slack.inbox import HopelessError
from foreword_slack.learning import decisions, feedback, forgetting, proposal, run
from foreword_slack.store import Complaint, ComplaintState, Event, Operation, UnitOfWork, complaint_id
from foreword_slack.store.post_queue import Sending
from foreword_slack.team import Team
from foreword_slack.triage import answers, clocks, complaints, refusals
from foreword_slack.triage.notices import Notices

Handle = Callable[[Event, Team], Awaitable[None]]

HANDLERS: Mapping[str, Handle] = {
    payloads.MESSAGE: complaints.receive,
    payloads.EDIT: complaints.edit,
    payloads.DELETION: complaints.delete,
    payloads.TAKE: answers.take,
    payloads.DECISION: answers.decide_in_review,
    payloads.CORRECTION: answers.correct,
    payloads.CLOCK: clocks.expire,
    payloads.RETRY: refusals.retry,
    payloads.HOME: show_home,
    payloads.PROPOSAL: proposal.propose,
    payloads.FEEDBACK: feedback.send,
    payloads.FORGET: forgetting.forget,
    payloads.LEARNING_STEP: run.step,
    **dict.fromkeys(payloads.LEARNING_KINDS, decisions.click),
}


class Dispatcher:
    """A dispatcher of the inbox's events to their handlers.

    Args:
        teams: The configured workspaces, by id.
    """

    def __init__(self, teams: Mapping[str, Team]) -> None:
        self._teams = teams

    async def handle(self, event: Event) -> None:
        """Handle an event.

        Raises:
            HopelessError: Its workspace is no longer configured, or a newer version made the event.
            PostponedError: The event must wait.
        """
        team = self._teams.get(event.team)
        if team is None:
            raise HopelessError("its workspace is not configured")
        handler = HANDLERS.get(event.kind)
        if handler is None:
            raise HopelessError(f"this version knows no events of the kind {event.kind}")
        await handler(event, team)

    def give_up(self, uow: UnitOfWork, event: Event, reason: str) -> None:
        """Leave a complaint that could not be handled to people, so that none is lost."""
        team = self._teams.get(event.team)
        if team is None or event.kind not in (payloads.MESSAGE, payloads.EDIT):
            return
        message = payloads.MessagePayload.read(event.payload)
        known = uow.complaints.get(complaint_id(message.channel, message.ts))
        if known is not None and known.state not in (ComplaintState.RECEIVED, ComplaintState.WAITING):
            return
        complaint = Complaint(
            channel=message.channel,
            ts=message.ts,
            author=message.author,
            state=ComplaintState.IN_REVIEW,
            text="",  # the redaction may have failed; people follow the link
            permalink=team.permalink(message.channel, message.ts, message.thread_ts) if message.linked else "",
            thread_ts=message.thread_ts,
            reasons=(f"An error occurred while this complaint was handled ({reason}).",),
            receive_time=event.receive_time,
        )
        uow.complaints.save(complaint)
        notices = Notices(team, uow)
        notices.request_review(complaint, complaint.text)
        notices.notify_author(complaint, message)

    def post_given_up(self, uow: UnitOfWork, sending: Sending, reason: str) -> None:
        """Report a complaint whose post Slack refused, for example because the channel is archived."""
        team = self._teams.get(sending.team)
        if team is not None and sending.complaint is not None and sending.operation is Operation.POST:
            refusals.report_refusal(uow, team, sending, reason)
