"""Add the recent compute time of tenants and the waiting time of runs, for turns at the workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, with no recent time and no waiting time."""
    op.add_column(
        "tenants", sa.Column("recent_compute_seconds", sa.Float(precision=53), nullable=False, server_default="0")
    )
    op.add_column("tenants", sa.Column("recent_compute_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "tune_experiments", sa.Column("wait_seconds", sa.Float(precision=53), nullable=False, server_default="0")
    )
    op.add_column("tune_experiments", sa.Column("yield_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("tune_experiments", "yield_time")
    op.drop_column("tune_experiments", "wait_seconds")
    op.drop_column("tenants", "recent_compute_time")
    op.drop_column("tenants", "recent_compute_seconds")
