"""Add the retries of evaluations and batch jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_TABLES = ("evaluations", "batch_jobs")


def upgrade() -> None:
    """Add the columns. Nothing is a retry, and the answers of evaluations that have ended are only in their rows."""
    for table in _TABLES:
        op.add_column(table, sa.Column("retry_of", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("resumed_count", sa.BigInteger(), nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    """Drop the columns. Retries stay as evaluations and batch jobs of their own."""
    for table in reversed(_TABLES):
        op.drop_column(table, "resumed_count")
        op.drop_column(table, "retry_of")
