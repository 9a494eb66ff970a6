"""The bot's tables. Every row has its team (a Slack workspace); times are aware, in UTC.

The names begin with `slack_`, because a database may contain the service's tables too. Raw text is only in two places,
while it is needed: the payload of a pending inbox row, and that of an outbox row not yet sent. All other text is
redacted before it is stored.
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
    """A workspace in which the bot was installed; `sealed` contains its encrypted tokens."""

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
    """The state of an OAuth flow in progress; each is valid once."""

    __tablename__ = "slack_oauth_states"

    state: Mapped[str] = mapped_column(primary_key=True)
    expire_time: Mapped[datetime] = mapped_column(index=True)


class InboxRow(Base):
    """An event of Slack, or a timer of the bot.

    The events of a `subject`, usually a complaint, are handled one at a time, in the order of `position`.
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
    """A call to Slack, pending or made.

    `unsure` is set if an attempt may have taken effect. `look_up_cursor` is the next page of the search for its post.
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
    last_send_time: Mapped[datetime | None]
    look_up_cursor: Mapped[str] = mapped_column(server_default="")
    finish_time: Mapped[datetime | None]


class ComplaintRow(Base):
    """A complaint: a message in Slack, identified by channel and timestamp."""

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
    request_id: Mapped[str] = mapped_column(server_default="")
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
    """A department's acknowledgement of a complaint, and its deadline."""

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
    """A person's answer for a complaint, a training example, and the model's answer."""

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
    """A line of the append-only audit."""

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
    """A retraining, from the proposal to the promotion or another end."""

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
    """A running bot and its facts, for `foreword slack status`."""

    __tablename__ = "slack_processes"

    id: Mapped[str] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]]
    start_time: Mapped[datetime]
    beat_time: Mapped[datetime]
