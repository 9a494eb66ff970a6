"""New, edited and deleted complaints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from foreword.errors import ForewordError
from foreword.observability.logging import get_logger
from foreword_slack.hooks import RoutingDecided
from foreword_slack.inbox import PostponedError
from foreword_slack.learning.forgetting import forget_complaint, forget_requests
from foreword_slack.markup import plain_text, without_mention
from foreword_slack.payloads import DELETION, EDIT, DeletionPayload, MessagePayload
from foreword_slack.plugin_calls import notify_plugins
from foreword_slack.routing import Decision, Reason, ReasonCode, decide
from foreword_slack.service import Classification, is_transient
from foreword_slack.store import Complaint, ComplaintState, Event, UnitOfWork, complaint_id
from foreword_slack.team import Team
from foreword_slack.triage.case import Case
from foreword_slack.triage.duplicates import signature
from foreword_slack.triage.notices import Notices
from foreword_slack.triage.repeats import add_to_original, original_of

_UNDECIDED = (ComplaintState.RECEIVED, ComplaintState.WAITING)
_LATEST_MESSAGE = timedelta(hours=1)  # a message older than this has arrived by now, or never will

_NO_WORDS = Reason(code=ReasonCode.NO_WORDS, text="The message has no text; see the source.")

_log = get_logger("slack.triage")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The current message of a complaint, including edits and deletions that wait in the inbox.

    Attributes:
        text: Its text without the mention of the bot.
        is_aside: Whether it is no complaint: the bot wrote it, or it is in a channel where people discuss complaints.
    """

    message: MessagePayload
    text: str
    known: Complaint | None
    deleted: bool
    is_aside: bool


async def receive(event: Event, team: Team) -> None:
    """Route a new complaint, or wait for the service.

    Raises:
        PostponedError: The service is unavailable.
    """
    source = await team.store.read(team.id, lambda uow: _look(uow, team, event))
    message, known, text = source.message, source.known, source.text
    if known is not None and known.state not in _UNDECIDED:
        return  # decided already, a duplicate, or deleted before it arrived
    if source.is_aside or (not text and not message.enclosed and known is None):
        return
    complaint = _received(event, team, message, known, await team.hooks.redact(text))
    case = Case(event=event, team=team, message=message, complaint=complaint, text=text)
    original = await team.store.read(team.id, lambda uow: original_of(uow, team, complaint))
    # The transaction checks again what was read here.
    if (source.deleted or original is not None) and await team.store.write(team.id, lambda uow: _is_over(uow, case)):
        return
    answer = await _ask(case) if text else _NO_WORDS
    try:
        news = await team.store.write(team.id, lambda uow: _settle(uow, case, answer))
    except PostponedError:  # the answer is about another text than that of the complaint
        await team.store.write(team.id, lambda uow: _forget_answer(uow, complaint, answer))
        raise
    if news is not None:
        team.observe(news)


async def edit(event: Event, team: Team) -> None:
    """Update the posts of an edited complaint; an edit that arrives before its complaint is treated as the complaint.

    Raises:
        PostponedError: The service is unavailable.
    """
    source = await team.store.read(team.id, lambda uow: _look(uow, team, event))
    message, known, text = source.message, source.known, source.text
    if known is None or known.state in _UNDECIDED:
        listens = message.channel in team.config.complaint_channels and not message.reply
        if known is not None or listens:
            await receive(event, team)
        return
    redacted = await team.hooks.redact(text)

    def change(uow: UnitOfWork) -> None:
        current = uow.complaints.get(known.id)
        assert current is not None
        uow.inbox.done(event)
        stale = bool(current.edit_ts and message.edit_ts and float(current.edit_ts) >= float(message.edit_ts))
        # Not compared with the stored text, which is redacted: an edit may correct only a telephone number.
        if stale or current.state is ComplaintState.DELETED:
            return
        # What people say from now on is not about the text that the model has answered.
        changed = replace(current, text=redacted, edit_ts=message.edit_ts, request_id="")
        uow.complaints.save(changed)
        uow.audit.append("edited", complaint=changed.id, actor=message.author)
        Notices(team, uow).mirror(changed, text)

    await team.store.write(team.id, change)


async def delete(event: Event, team: Team) -> None:
    """Mark a complaint as deleted in all its posts; one deleted before it arrives is not routed."""
    message = DeletionPayload.read(event.payload)
    id = complaint_id(message.channel, message.ts)

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        known = uow.complaints.get(id)
        if known is None and (
            message.channel not in team.config.complaint_channels
            or event.receive_time.timestamp() - float(message.ts) > _LATEST_MESSAGE.total_seconds()
        ):
            return
        complaint = known or Complaint(
            channel=message.channel, ts=message.ts, author="", receive_time=event.receive_time
        )
        if complaint.state is ComplaintState.DELETED:
            return
        _mark_deleted(uow, team, complaint)

    await team.store.write(team.id, change)


def _look(uow: UnitOfWork, team: Team, event: Event) -> _Source:
    message = MessagePayload.read(event.payload)
    for payload in uow.inbox.pending(event.subject, EDIT):
        edited = MessagePayload.read(payload)
        if float(edited.edit_ts or 0) > float(message.edit_ts or 0):
            message = replace(message, text=edited.text, edit_ts=edited.edit_ts, enclosed=edited.enclosed)
    bot = uow.installation.bot_user if uow.installation else ""
    known = uow.complaints.get(complaint_id(message.channel, message.ts))
    return _Source(
        message=message,
        text=plain_text(without_mention(message.text, bot) if bot else message.text),
        known=known,
        deleted=bool(uow.inbox.pending(event.subject, DELETION)),
        is_aside=known is None and not message.asker and _is_aside(uow, team, message, bot),
    )


def _is_aside(uow: UnitOfWork, team: Team, message: MessagePayload, bot: str) -> bool:
    if message.channel in team.config.complaint_channels:
        return message.author == bot
    # There people talk about complaints, and thank the bot.
    return message.author == bot or message.channel in team.channels(uow)


def _is_deleted(uow: UnitOfWork, case: Case) -> bool:
    """Return whether the author deleted the complaint before anybody was notified; if so, end its handling.

    Raises:
        PostponedError: The complaint was edited since it was read, so the results are about another text.
    """
    source = _look(uow, case.team, case.event)
    if source.deleted:
        # Nobody has seen the text, so it need not be kept.
        _mark_deleted(uow, case.team, replace(case.complaint, text="", signature=()))
        uow.inbox.done(case.event)
        return True
    if source.message.edit_ts != case.complaint.edit_ts:
        raise PostponedError(0.0, "edited meanwhile")
    return False


def _is_over(uow: UnitOfWork, case: Case) -> bool:
    """Return whether there is nothing to decide, because the complaint was deleted or repeats another.

    Raises:
        PostponedError: The complaint was edited since it was read.
    """
    return _is_deleted(uow, case) or add_to_original(uow, case)


def _forget_answer(uow: UnitOfWork, complaint: Complaint, answer: Classification | Reason) -> None:
    """Schedule the deletion of the captured request of an answer on which nothing is decided."""
    if not isinstance(answer, Reason):
        forget_requests(uow, complaint, (answer.request_id,))


def _mark_deleted(uow: UnitOfWork, team: Team, complaint: Complaint) -> None:
    deleted = replace(complaint, state=ComplaintState.DELETED)
    uow.complaints.save(deleted)
    uow.audit.append("deleted", complaint=deleted.id)
    forget_complaint(uow, deleted)
    Notices(team, uow).mirror(deleted, deleted.text)


async def _ask(case: Case) -> Classification | Reason:
    """Return the model's answer, or the reason why there is none.

    Raises:
        PostponedError: The service is unavailable, and a later attempt may succeed.
    """
    team, complaint, thresholds = case.team, case.complaint, case.team.config.thresholds
    try:
        return await team.service.classify(
            team.config.deployment,
            complaint.text,
            abstain_below=thresholds.abstain_below,
            min_precision=thresholds.min_precision,
        )
    except ForewordError as error:
        waited = (team.clock.now() - case.event.receive_time).total_seconds()
        _log.warning("classify_failed", reason=error.reason, waited_seconds=round(waited))
        if not is_transient(error) or waited >= team.timers.review_after_seconds:
            return Reason(code=ReasonCode.MODEL_FAILED, text=f"The model could not be called ({error.reason}).")
        if waited >= team.timers.tell_waiting_after_seconds and complaint.state is ComplaintState.RECEIVED:
            await team.store.write(team.id, lambda uow: _report_waiting(uow, case))
        raise PostponedError(team.retry_seconds(waited), error.reason) from error


def _report_waiting(uow: UnitOfWork, case: Case) -> None:
    waiting = replace(case.complaint, state=ComplaintState.WAITING)
    uow.complaints.save(waiting)
    uow.audit.append("waiting", complaint=waiting.id)
    Notices(case.team, uow).notify_author(waiting, case.message)


def _settle(uow: UnitOfWork, case: Case, answer: Classification | Reason) -> RoutingDecided | None:
    """Store the decision and request its posts; return None if there is nothing left to decide."""
    if _is_over(uow, case):
        _forget_answer(uow, case.complaint, answer)
        return None  # for example, the second of two equal complaints that were handled concurrently
    notices = Notices(case.team, uow)
    if isinstance(answer, Reason):
        decision = Decision(reasons=(answer,))
    else:
        decision = decide(answer.guess, answer.label_sets, notices.policy)
    guess = decision.guess
    complaint = replace(
        case.complaint,
        state=ComplaintState.IN_REVIEW if decision.review else ComplaintState.ROUTED,
        model=guess.model_version if guess else "",
        request_id="" if isinstance(answer, Reason) else answer.request_id,
        scores=guess.scores if guess else {},
        guess=guess.labels if guess else (),
        departments=tuple(target.label for target in decision.targets),
        reasons=tuple(reason.text for reason in decision.reasons),
        decide_time=uow.now,
    )
    uow.complaints.save(complaint)
    uow.audit.append(
        "in_review" if decision.review else "routed",
        complaint=complaint.id,
        facts={
            "model": complaint.model,
            "request_id": complaint.request_id,
            "scores": dict(complaint.scores),
            "guess": list(complaint.guess),
            "departments": list(complaint.departments),
            "reasons": [reason.code.value for reason in decision.reasons],
        },
    )
    for target in decision.targets:
        notices.notify_department(complaint, target.label, case.text)
    if decision.review:
        notices.request_review(complaint, case.text)
    notices.notify_author(complaint, case.message)
    news = RoutingDecided(
        key=f"{case.team.id}:{case.event.dedupe_key}",
        team=case.team.id,
        complaint=complaint.id,
        text=complaint.text,
        decision=decision,
        actor="",
        time=uow.now,
    )
    notify_plugins(uow, case.team.hooks, news)
    uow.inbox.done(case.event)
    return news


def _received(event: Event, team: Team, message: MessagePayload, known: Complaint | None, redacted: str) -> Complaint:
    complaint = known or Complaint(
        channel=message.channel,
        ts=message.ts,
        author=message.author,
        permalink=team.permalink(message.channel, message.ts, message.thread_ts) if message.linked else "",
        thread_ts=message.thread_ts,
        receive_time=event.receive_time,
    )
    window = team.config.duplicates.window_minutes
    return replace(complaint, text=redacted, edit_ts=message.edit_ts, signature=signature(redacted) if window else ())
