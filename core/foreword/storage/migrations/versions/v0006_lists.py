"""Add the keys that servers share, for page tokens, and indexes for lists sorted by creation time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SORTED_TABLES = ("datasets", "tune_experiments", "tuned_models", "deployments")


def upgrade() -> None:
    """Create the table, empty, and the indexes. The first server that needs a key creates it."""
    op.create_table(
        "shared_keys",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name="pk_shared_keys"),
    )
    for table in _SORTED_TABLES:
        op.create_index(f"ix_{table}_tenant_create_time_key", table, ["tenant", "create_time", "key"])


def downgrade() -> None:
    """Drop the indexes and the table."""
    for table in _SORTED_TABLES:
        op.drop_index(f"ix_{table}_tenant_create_time_key", table)
    op.drop_table("shared_keys")
