"""A department's time to take a complaint is up: first a reminder, then word to others."""

from __future__ import annotations

from dataclasses import replace

from foreword_slack.store import AcknowledgementState, ComplaintState, Event, UnitOfWork
from foreword_slack.triage.notices import Notices
from foreword_slack.triage.payloads import ClockPayload
from foreword_slack.triage.team import Team


async def ring(event: Event, team: Team) -> None:
    """Reminds or escalates, unless somebody has taken the complaint meanwhile."""
    clock = ClockPayload.read(event.payload)

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        complaint = uow.complaints.get(clock.complaint)
        part = uow.acknowledgements.get(clock.complaint, clock.label)
        if complaint is None or part is None or complaint.state is ComplaintState.DELETED:
            return
        if part.due_time is None or part.due_time > uow.now:
            return  # a newer clock runs
        notices = Notices(team, uow)
        known = clock.label in notices.policy.departments
        if part.state is AcknowledgementState.WAITING and known:
            reminded = replace(part, state=AcknowledgementState.REMINDED, due_time=None)
            uow.acknowledgements.save(reminded)
            notices.remind(complaint, clock.label, part.due_time)
            notices.set_clock(reminded)
            uow.audit.append("reminded", complaint=complaint.id, facts={"department": clock.label})
        elif part.state in (AcknowledgementState.WAITING, AcknowledgementState.REMINDED):
            # Also at once where the department is not configured any more: it may be nobody's.
            uow.acknowledgements.save(replace(part, state=AcknowledgementState.ESCALATED, due_time=None))
            notices.escalate(complaint, clock.label, part.due_time)
            uow.audit.append("escalated", complaint=complaint.id, facts={"department": clock.label})

    await team.store.write(team.id, change)
