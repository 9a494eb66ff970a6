"""Add to jobs whether their run can be tuned only alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; existing runs share their worker, as they do."""
    op.add_column("jobs", sa.Column("runs_alone", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("jobs", "runs_alone")
