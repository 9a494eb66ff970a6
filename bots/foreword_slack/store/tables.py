"""The bot's tables. Every row carries its team (a Slack workspace); times are aware UTC.

The names begin with `slack_`, because a database may hold the service's tables, too. Raw text stands in two places
only, while it is needed: the payload of an inbox row that is still to be handled, and that of an outbox row that is
still to be sent. Everything else is redacted before it comes here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from foreword.sql.types import COLUMN_TYPES, RowNumber, new_metadata


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = new_metadata()
    type_annotation_map = COLUMN_TYPES


class InstallationRow(Base):
    """A workspace that the bot was installed in; `sealed` holds its tokens, encrypted."""

    __tablename__ = "slack_installations"

    team: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    enterprise: Mapped[str | None]
    tenant: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    app: Mapped[str]
    bot: Mapped[str]
    bot_user: Mapped[str]
    scopes: Mapped[list[Any]]
    sealed: Mapped[str]
    token_expire_time: Mapped[datetime | None]
    install_time: Mapped[datetime]
    update_time: Mapped[datetime]


class OauthStateRow(Base):
    """An installation that somebody began; each state is good once."""

    __tablename__ = "slack_oauth_states"

    state: Mapped[str] = mapped_column(primary_key=True)
    expire_time: Mapped[datetime] = mapped_column(index=True)


class InboxRow(Base):
    """Something that happened in Slack, or a timer of the bot's own.

    `subject` is what is handled one event at a time, in the order of `position`: a complaint, mostly.
    """

    __tablename__ = "slack_inbox"
    __table_args__ = (
        UniqueConstraint("team", "dedupe_key"),
        Index(None, "state", "due_time"),
        Index(None, "team", "state", "key"),
        Index(None, "team", "subject", "state"),
        Index(None, "finish_time"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    team: Mapped[str]
    dedupe_key: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    position: Mapped[int]
    payload: Mapped[dict[str, Any] | None]
    state: Mapped[str]
    attempts: Mapped[int]
    reason: Mapped[str]
    due_time: Mapped[datetime]
    lease_epoch: Mapped[int]
    lease_expire_time: Mapped[datetime | None]
    receive_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]


class OutboxRow(Base):
    """A call to Slack that is still to be made, or was.

    `unsure` is set while a call is under way and when nobody knows whether it took effect.
    """

    __tablename__ = "slack_outbox"
    __table_args__ = (
        UniqueConstraint("team", "name"),
        Index(None, "team", "state", "due_time"),
        Index(None, "team", "target"),
        Index(None, "team", "complaint"),
        Index(None, "team", "channel", "ts"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    team: Mapped[str]
    name: Mapped[str]
    operation: Mapped[str]
    channel: Mapped[str]
    target: Mapped[str | None]
    complaint: Mapped[str | None]
    payload: Mapped[dict[str, Any] | None]
    state: Mapped[str]
    attempts: Mapped[int]
    unsure: Mapped[bool]
    unresolved: Mapped[int]
    reason: Mapped[str]
    due_time: Mapped[datetime]
    lease_epoch: Mapped[int]
    lease_expire_time: Mapped[datetime | None]
    ts: Mapped[str | None]
    create_time: Mapped[datetime]
    first_send_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]


class ComplaintRow(Base):
    """A complaint: a message of Slack, by its channel and timestamp."""

    __tablename__ = "slack_complaints"
    __table_args__ = (Index(None, "team", "state"), Index(None, "team", "receive_time"))

    team: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    ts: Mapped[str] = mapped_column(primary_key=True)
    author: Mapped[str]
    state: Mapped[str]
    text: Mapped[str]
    permalink: Mapped[str]
    thread_ts: Mapped[str | None]
    model: Mapped[str]
    scores: Mapped[dict[str, Any]]
    guess: Mapped[list[Any]]
    departments: Mapped[list[Any]]
    reasons: Mapped[list[Any]]
    decider: Mapped[str | None]
    decider_name: Mapped[str | None]
    duplicate_of: Mapped[str | None]
    signature: Mapped[list[Any]]
    edit_ts: Mapped[str | None]
    receive_time: Mapped[datetime]
    decide_time: Mapped[datetime | None]
    update_time: Mapped[datetime]


class AcknowledgementRow(Base):
    """Whether a department has taken a complaint, and until when it should."""

    __tablename__ = "slack_acknowledgements"
    __table_args__ = (Index(None, "team", "state", "due_time"),)

    team: Mapped[str] = mapped_column(primary_key=True)
    complaint: Mapped[str] = mapped_column(primary_key=True)
    department: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    due_time: Mapped[datetime | None]
    actor: Mapped[str | None]
    actor_name: Mapped[str | None]
    take_time: Mapped[datetime | None]
    create_time: Mapped[datetime]


class CorrectionRow(Base):
    """What people said a complaint belongs to: an example to learn from, beside what the model had said."""

    __tablename__ = "slack_corrections"
    __table_args__ = (
        UniqueConstraint("team", "complaint", "actor"),
        Index(None, "team", "used_in"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    team: Mapped[str]
    complaint: Mapped[str]
    actor: Mapped[str]
    input: Mapped[str]
    said: Mapped[list[Any]]
    corrected: Mapped[list[Any]]
    model: Mapped[str]
    used_in: Mapped[str | None]
    create_time: Mapped[datetime]


class AuditRow(Base):
    """One line of the audit, which only grows."""

    __tablename__ = "slack_audit"
    __table_args__ = (Index(None, "team", "complaint"), {"sqlite_autoincrement": True})

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    team: Mapped[str]
    action: Mapped[str]
    complaint: Mapped[str | None]
    actor: Mapped[str | None]
    facts: Mapped[dict[str, Any]]
    create_time: Mapped[datetime]


class RetrainingRow(Base):
    """A new model in the making: from the proposal to its promotion or its end."""

    __tablename__ = "slack_retrainings"
    __table_args__ = (Index(None, "team", "state"), {"sqlite_autoincrement": True})

    key: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    team: Mapped[str]
    state: Mapped[str]
    dataset: Mapped[str | None]
    experiment: Mapped[str | None]
    tuned_model: Mapped[str | None]
    metrics: Mapped[dict[str, Any]]
    actor: Mapped[str | None]
    reason: Mapped[str]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class OverrideRow(Base):
    """A setting that an administrator changed in Slack."""

    __tablename__ = "slack_overrides"

    team: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    actor: Mapped[str]
    update_time: Mapped[datetime]


class ProcessRow(Base):
    """A running bot and what it knows of itself, for `foreword slack status`."""

    __tablename__ = "slack_processes"

    id: Mapped[str] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]]
    start_time: Mapped[datetime]
    beat_time: Mapped[datetime]
