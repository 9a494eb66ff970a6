"""Add to jobs the trace of the request that has created them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; jobs from before have no such trace."""
    op.add_column("jobs", sa.Column("traceparent", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("jobs", "traceparent")
