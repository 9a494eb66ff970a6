"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON()


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "slack_acknowledgements",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("complaint", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_time", _TIME, nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("take_time", _TIME, nullable=True),
        sa.Column("create_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("team", "complaint", "department", name="pk_slack_acknowledgements"),
    )
    op.create_index(
        "ix_slack_acknowledgements_team_state_due_time", "slack_acknowledgements", ["team", "state", "due_time"]
    )
    op.create_table(
        "slack_audit",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("complaint", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("facts", _JSON, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_slack_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slack_audit_team_complaint", "slack_audit", ["team", "complaint"])
    op.create_table(
        "slack_complaints",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("permalink", sa.Text(), nullable=False),
        sa.Column("thread_ts", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("scores", _JSON, nullable=False),
        sa.Column("guess", _JSON, nullable=False),
        sa.Column("departments", _JSON, nullable=False),
        sa.Column("reasons", _JSON, nullable=False),
        sa.Column("decider", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.Text(), nullable=True),
        sa.Column("signature", _JSON, nullable=False),
        sa.Column("edit_ts", sa.Text(), nullable=True),
        sa.Column("receive_time", _TIME, nullable=False),
        sa.Column("decide_time", _TIME, nullable=True),
        sa.Column("update_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("team", "channel", "ts", name="pk_slack_complaints"),
    )
    op.create_index("ix_slack_complaints_team_receive_time", "slack_complaints", ["team", "receive_time"])
    op.create_index("ix_slack_complaints_team_state", "slack_complaints", ["team", "state"])
    op.create_table(
        "slack_corrections",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("complaint", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("said", _JSON, nullable=False),
        sa.Column("corrected", _JSON, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("used_in", sa.Text(), nullable=True),
        sa.Column("create_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_slack_corrections"),
        sa.UniqueConstraint("team", "complaint", "actor", name="uq_slack_corrections_team_complaint_actor"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slack_corrections_team_used_in", "slack_corrections", ["team", "used_in"])
    op.create_table(
        "slack_inbox",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("payload", _JSON, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_time", _TIME, nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_expire_time", _TIME, nullable=True),
        sa.Column("receive_time", _TIME, nullable=False),
        sa.Column("finish_time", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_slack_inbox"),
        sa.UniqueConstraint("team", "dedupe_key", name="uq_slack_inbox_team_dedupe_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slack_inbox_finish_time", "slack_inbox", ["finish_time"])
    op.create_index("ix_slack_inbox_state_due_time", "slack_inbox", ["state", "due_time"])
    op.create_index("ix_slack_inbox_team_state_key", "slack_inbox", ["team", "state", "key"])
    op.create_index("ix_slack_inbox_team_subject_state", "slack_inbox", ["team", "subject", "state"])
    op.create_table(
        "slack_installations",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enterprise", sa.Text(), nullable=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("bot", sa.Text(), nullable=False),
        sa.Column("bot_user", sa.Text(), nullable=False),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("token_expire_time", _TIME, nullable=True),
        sa.Column("install_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("team", name="pk_slack_installations"),
    )
    op.create_table(
        "slack_oauth_states",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expire_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("state", name="pk_slack_oauth_states"),
    )
    op.create_index("ix_slack_oauth_states_expire_time", "slack_oauth_states", ["expire_time"])
    op.create_table(
        "slack_outbox",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("complaint", sa.Text(), nullable=True),
        sa.Column("payload", _JSON, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("unresolved", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_time", _TIME, nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_expire_time", _TIME, nullable=True),
        sa.Column("ts", sa.Text(), nullable=True),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("first_send_time", _TIME, nullable=True),
        sa.Column("finish_time", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_slack_outbox"),
        sa.UniqueConstraint("team", "name", name="uq_slack_outbox_team_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slack_outbox_team_channel_ts", "slack_outbox", ["team", "channel", "ts"])
    op.create_index("ix_slack_outbox_team_complaint", "slack_outbox", ["team", "complaint"])
    op.create_index("ix_slack_outbox_team_state_due_time", "slack_outbox", ["team", "state", "due_time"])
    op.create_index("ix_slack_outbox_team_target", "slack_outbox", ["team", "target"])
    op.create_table(
        "slack_overrides",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("team", "name", name="pk_slack_overrides"),
    )
    op.create_table(
        "slack_processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("facts", _JSON, nullable=False),
        sa.Column("start_time", _TIME, nullable=False),
        sa.Column("beat_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slack_processes"),
    )
    op.create_table(
        "slack_retrainings",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=True),
        sa.Column("experiment", sa.Text(), nullable=True),
        sa.Column("tuned_model", sa.Text(), nullable=True),
        sa.Column("metrics", _JSON, nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_slack_retrainings"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slack_retrainings_team_state", "slack_retrainings", ["team", "state"])


def downgrade() -> None:
    """Drop all tables."""
    for table in (
        "slack_retrainings",
        "slack_processes",
        "slack_overrides",
        "slack_outbox",
        "slack_oauth_states",
        "slack_installations",
        "slack_inbox",
        "slack_corrections",
        "slack_complaints",
        "slack_audit",
        "slack_acknowledgements",
    ):
        op.drop_table(table)
