"""Submissions of modals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword_slack.listeners.actions import actor_name
from foreword_slack.payloads import CORRECTION, AnswerPayload
from foreword_slack.store import NewEvent
from foreword_slack.team import Team
from foreword_slack.views import modals


def read_submission(body: Mapping[str, Any], team: Team) -> NewEvent | None:
    """Return the correction that a modal contains; None if it is another modal."""
    view = body.get("view") or {}
    if view.get("callback_id") != modals.CORRECTION:
        return None
    about, labels = modals.read_correction(view)
    payload = AnswerPayload(
        complaint=about.complaint,
        labels=labels,
        actor=str(body["user"]["id"]),
        actor_name=actor_name(body),
        text=about.text,
        revision=about.revision,
    )
    return NewEvent(
        team=team.id,
        kind=CORRECTION,
        dedupe_key=f"view:{view['id']}",  # a modal can be submitted once
        subject=about.complaint,
        position=_now(team),
        payload=payload.values(),
    )


def _now(team: Team) -> int:
    """Return the current time, because Slack does not report when a modal was submitted."""
    return int(team.clock.now().timestamp() * 1_000_000)
