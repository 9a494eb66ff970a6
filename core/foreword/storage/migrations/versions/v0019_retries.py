"""Add the retries of experiments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. No experiment is a retry, and the checkpoints of those that have ended are gone."""
    op.add_column("tune_experiments", sa.Column("retry_of", sa.Text(), nullable=True))
    op.add_column(
        "tune_experiments", sa.Column("resumed_step", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )


def downgrade() -> None:
    """Drop the columns. Retries stay as experiments of their own."""
    op.drop_column("tune_experiments", "resumed_step")
    op.drop_column("tune_experiments", "retry_of")
