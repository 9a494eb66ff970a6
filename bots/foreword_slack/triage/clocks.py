"""Acknowledgement clocks: a reminder to the department, then an escalation."""

from __future__ import annotations

from dataclasses import replace

from foreword_slack.payloads import ClockPayload
from foreword_slack.store import AcknowledgementState, ComplaintState, Event, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.triage.notices import Notices


async def expire(event: Event, team: Team) -> None:
    """Remind or escalate, unless the complaint was taken meanwhile."""
    clock = ClockPayload.read(event.payload)

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        complaint = uow.complaints.get(clock.complaint)
        part = uow.acknowledgements.get(clock.complaint, clock.label)
        if complaint is None or part is None or complaint.state is ComplaintState.DELETED:
            return
        if part.due_time is None or part.due_time > uow.now:
            return  # a newer clock is running
        notices = Notices(team, uow)
        known = clock.label in notices.policy.departments
        if part.state is AcknowledgementState.WAITING and known:
            reminded = replace(part, state=AcknowledgementState.REMINDED, due_time=None)
            uow.acknowledgements.save(reminded)
            notices.remind(complaint, clock.label, part.due_time)
            notices.set_clock(reminded)
            uow.audit.append("reminded", complaint=complaint.id, facts={"department": clock.label})
        elif part.state in (AcknowledgementState.WAITING, AcknowledgementState.REMINDED):
            # Without a reminder if the department is no longer configured, because nobody may be responsible for it.
            uow.acknowledgements.save(replace(part, state=AcknowledgementState.ESCALATED, due_time=None))
            notices.escalate(complaint, clock.label, part.due_time)
            uow.audit.append("escalated", complaint=complaint.id, facts={"department": clock.label})

    await team.store.write(team.id, change)
