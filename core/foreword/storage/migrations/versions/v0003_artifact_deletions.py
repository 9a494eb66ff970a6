"""Add a table of files that no row refers to and that are to be deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty."""
    op.create_table(
        "artifact_deletions",
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("artifact", name="pk_artifact_deletions"),
    )
    op.create_index("ix_artifact_deletions_due_time", "artifact_deletions", ["due_time"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("artifact_deletions")
