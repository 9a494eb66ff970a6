"""Add a count of expired leases, which ends a run whose workers keep dying, but not one that is released."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, with 0 for existing runs."""
    op.add_column("tune_experiments", sa.Column("lost_leases", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("tune_experiments", "lost_leases")
