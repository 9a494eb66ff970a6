"""Answers of people: a department takes a complaint, a reviewer decides, a person corrects."""

from __future__ import annotations

from dataclasses import replace

from foreword_slack.hooks import ComplaintCorrected, RoutingDecided
from foreword_slack.inbox import HopelessError
from foreword_slack.learning.feedback import schedule_feedback
from foreword_slack.learning.proposal import schedule_proposal
from foreword_slack.payloads import AnswerPayload, TakePayload
from foreword_slack.plugin_calls import notify_plugins
from foreword_slack.routing import Decision
from foreword_slack.store import (
    AcknowledgementState,
    Complaint,
    ComplaintState,
    Correction,
    Event,
    UnitOfWork,
)
from foreword_slack.team import Team
from foreword_slack.triage.notices import Notices
from foreword_slack.triage.showing import guess_of


async def take(event: Event, team: Team) -> None:
    """Record that a person of a department takes a complaint; the first click counts."""
    click = TakePayload.read(event.payload)

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        complaint = _complaint(uow, click.complaint)
        part = uow.acknowledgements.get(complaint.id, click.label)
        if part is None or part.state in (AcknowledgementState.TAKEN, AcknowledgementState.WITHDRAWN):
            return
        taken = replace(
            part,
            state=AcknowledgementState.TAKEN,
            due_time=None,
            actor=click.actor,
            actor_name=click.actor_name,
            take_time=uow.now,
        )
        uow.acknowledgements.save(taken)
        uow.audit.append("taken", complaint=complaint.id, actor=click.actor, facts={"department": click.label})
        notices = Notices(team, uow)
        text = _original(complaint, click.text, click.revision)
        notices.show_taken(complaint, taken, text)
        notices.notify_author(complaint)
        schedule_feedback(uow, complaint)

    await team.store.write(team.id, change)


async def decide_in_review(event: Event, team: Team) -> None:
    """Record a decision in review; the first decision counts."""
    answer = AnswerPayload.read(event.payload)

    def change(uow: UnitOfWork) -> RoutingDecided | None:
        uow.inbox.done(event)
        complaint = _complaint(uow, answer.complaint)
        if complaint.state is not ComplaintState.IN_REVIEW:
            return None
        text = _original(complaint, answer.text, answer.revision)
        decided = _answer(uow, team, complaint, answer, text, "decided")
        notices = Notices(team, uow)
        notices.show_decided(decided, text)
        news = RoutingDecided(
            key=f"{team.id}:{event.dedupe_key}",
            team=team.id,
            complaint=decided.id,
            text=decided.text,
            decision=Decision(targets=notices.policy.targets(tuple(decided.departments)), guess=guess_of(decided)),
            actor=answer.actor,
            time=uow.now,
        )
        notify_plugins(uow, team.hooks, news)
        return news

    news = await team.store.write(team.id, change)
    if news is not None:
        team.observe(news)


async def correct(event: Event, team: Team) -> None:
    """Record a person's correction; the model's answer is kept."""
    answer = AnswerPayload.read(event.payload)

    def change(uow: UnitOfWork) -> ComplaintCorrected | None:
        uow.inbox.done(event)
        complaint = _complaint(uow, answer.complaint)
        if complaint.state is ComplaintState.DELETED:
            return None
        text = _original(complaint, answer.text, answer.revision)
        corrected = _answer(uow, team, complaint, answer, text, "corrected")
        news = ComplaintCorrected(
            key=f"{team.id}:{event.dedupe_key}",
            team=team.id,
            complaint=corrected.id,
            text=corrected.text,
            said=tuple(corrected.guess),
            corrected=tuple(corrected.departments),
            actor=answer.actor,
            time=uow.now,
        )
        notify_plugins(uow, team.hooks, news)
        return news

    news = await team.store.write(team.id, change)
    if news is not None:
        team.observe(news)


def _answer(
    uow: UnitOfWork, team: Team, complaint: Complaint, answer: AnswerPayload, text: str, action: str
) -> Complaint:
    """Store a person's answer as a training example, and reroute the complaint."""
    notices = Notices(team, uow)
    before = tuple(complaint.departments)
    targets = notices.policy.targets(tuple(answer.labels))
    changed = replace(
        complaint,
        state=ComplaintState.DECIDED,
        departments=tuple(target.label for target in targets),
        decider=answer.actor,
        decider_name=answer.actor_name,
        decide_time=uow.now,
    )
    uow.complaints.save(changed)
    if complaint.text:  # a complaint without text is no training example
        uow.corrections.save(
            Correction(
                complaint=complaint.id,
                actor=answer.actor,
                input=complaint.text,
                said=complaint.guess,
                corrected=changed.departments,
                model=complaint.model,
            )
        )
    uow.audit.append(
        action,
        complaint=complaint.id,
        actor=answer.actor,
        facts={
            "model": complaint.model,
            "said": list(complaint.guess),
            "before": list(before),
            "departments": list(changed.departments),
        },
    )
    for label in before:
        if label not in changed.departments:
            notices.withdraw(changed, label, answer.actor, answer.actor_name)
    for target in targets:
        if target.label not in before:
            notices.notify_department(changed, target.label, text)
    notices.notify_author(changed)
    schedule_feedback(uow, changed)
    schedule_proposal(uow, team, f"{complaint.id}:{answer.actor}:{int(uow.now.timestamp() * 1e6)}")
    return changed


def _original(complaint: Complaint, text: str, revision: str) -> str:
    """Return the text of the clicked message, or the redacted text if the author has edited the complaint since."""
    return text if text and revision == (complaint.edit_ts or "") else complaint.text


def _complaint(uow: UnitOfWork, id: str) -> Complaint:
    try:
        found = uow.complaints.get(id)
    except ValueError:
        found = None
    if found is None:
        raise HopelessError("the complaint no longer exists")
    return found
