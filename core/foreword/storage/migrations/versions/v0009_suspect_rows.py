"""Add the rows of experiments that look mislabelled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, without rows for experiments that have ended."""
    op.add_column("tune_experiments", sa.Column("suspect_rows", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("tune_experiments", "suspect_rows")
