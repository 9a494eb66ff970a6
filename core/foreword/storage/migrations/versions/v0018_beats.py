"""Add to jobs the time of the last sign of life of their worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; running jobs get a time at their next heartbeat."""
    op.add_column("jobs", sa.Column("beat_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("jobs", "beat_time")
