"""Clicks on the buttons of the bot's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword_slack.listeners.moments import micros
from foreword_slack.payloads import (
    DECISION,
    LEARNING_KINDS,
    TAKE,
    AnswerPayload,
    LearningPayload,
    TakePayload,
)
from foreword_slack.store import NewEvent
from foreword_slack.team import Team
from foreword_slack.views import complaint as view
from foreword_slack.views.modals import selected


def read_action(body: Mapping[str, Any], team: Team) -> NewEvent | None:
    """Return the event of a click; None if the click opens a modal or needs no further work."""
    actions = body.get("actions") or ()
    action = actions[0] if actions else {}
    match action.get("action_id"):
        case view.TAKE:
            return _take(body, action, team)
        case view.DECIDE:
            labels = chosen_labels(body)
            return _decision(body, action, team, labels) if labels else None
        case view.DISMISS:
            return _decision(body, action, team, ())
        case str(id) if id in LEARNING_KINDS:
            return _learning(body, action, team)
    return None


def chosen_labels(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the departments selected in the clicked review message."""
    values = (body.get("state") or {}).get("values") or {}
    return selected(values, view.CHOICE_BLOCK, view.CHOOSE)


def actor_name(body: Mapping[str, Any]) -> str:
    """Return the display name of the person who clicked."""
    user = body.get("user") or {}
    return str(user.get("name") or user.get("username") or "Somebody")


def _take(body: Mapping[str, Any], action: Mapping[str, Any], team: Team) -> NewEvent:
    complaint, _, label = str(action["value"]).partition("|")
    shown = view.shown_text(body.get("message") or {})
    payload = TakePayload(
        complaint=complaint,
        label=label,
        actor=str(body["user"]["id"]),
        actor_name=actor_name(body),
        text=shown.text,
        revision=shown.revision,
    )
    return _event(body, action, team, TAKE, complaint, payload.values())


def _decision(body: Mapping[str, Any], action: Mapping[str, Any], team: Team, labels: tuple[str, ...]) -> NewEvent:
    shown = view.shown_text(body.get("message") or {})
    payload = AnswerPayload(
        complaint=str(action["value"]),
        labels=labels,
        actor=str(body["user"]["id"]),
        actor_name=actor_name(body),
        text=shown.text,
        revision=shown.revision,
    )
    return _event(body, action, team, DECISION, payload.complaint, payload.values())


def _learning(body: Mapping[str, Any], action: Mapping[str, Any], team: Team) -> NewEvent:
    payload = LearningPayload(
        retraining=int(action["value"]), actor=str(body["user"]["id"]), actor_name=actor_name(body)
    )
    return _event(body, action, team, str(action["action_id"]), f"learning:{payload.retraining}", payload.values())


def _event(
    body: Mapping[str, Any], action: Mapping[str, Any], team: Team, kind: str, subject: str, payload: dict[str, Any]
) -> NewEvent:
    moment = str(action.get("action_ts") or "")
    return NewEvent(
        team=team.id,
        kind=kind,
        dedupe_key=f"{kind}:{subject}:{body['user']['id']}:{moment}",
        subject=subject,
        position=micros(moment),
        payload=payload,
    )
