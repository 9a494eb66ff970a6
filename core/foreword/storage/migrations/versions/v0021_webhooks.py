"""Add webhooks, and the deliveries of events to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "webhooks",
        sa.Column("key", _KEY, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("tenant", "id", "display_name", "url", "secret", "creator")
        ),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("space", "disable_reason", "previous_secret")),
        sa.Column("kinds", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("consecutive_failures", "change_count")),
        *(sa.Column(name, _TIME, nullable=False) for name in ("secret_create_time", "create_time", "update_time")),
        *(
            sa.Column(name, _TIME, nullable=True)
            for name in ("previous_expire_time", "failing_since", "retry_time", "next_due_time")
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_webhooks_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_webhooks"),
        sa.UniqueConstraint("tenant", "id", name="uq_webhooks_tenant_id"),
        sqlite_autoincrement=True,
    )
    for columns in (["tenant", "key"], ["tenant", "create_time", "key"], ["next_due_time"]):
        op.create_index(f"ix_webhooks_{'_'.join(columns)}", "webhooks", columns)
    op.create_table(
        "webhook_deliveries",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("webhook_key", _KEY, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("tenant", "id", "kind", "resource", "payload", "state")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("attempts", "lease_epoch")),
        sa.Column("last", sa.JSON(), nullable=True),
        sa.Column("last_attempt_time", _TIME, nullable=True),
        *(sa.Column(name, _TIME, nullable=False) for name in ("due_time", "give_up_time", "create_time")),
        sa.ForeignKeyConstraint(
            ["webhook_key"], ["webhooks.key"], name="fk_webhook_deliveries_webhook_key_webhooks", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("webhook_key", "id", name="uq_webhook_deliveries_webhook_key_id"),
        sqlite_autoincrement=True,
    )
    for columns in (
        ["webhook_key", "key"],
        ["webhook_key", "state", "due_time"],
        ["state", "due_time"],
        ["create_time"],
    ):
        op.create_index(f"ix_webhook_deliveries_{'_'.join(columns)}", "webhook_deliveries", columns)


def downgrade() -> None:
    """Drop the tables. Events that were not delivered are lost."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
