"""Add the names of people who took, decided and corrected, which updated posts must still show."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns of names, which are unknown for existing rows."""
    op.add_column("slack_acknowledgements", sa.Column("actor_name", sa.Text(), nullable=True))
    op.add_column("slack_complaints", sa.Column("decider_name", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("slack_complaints", "decider_name")
    op.drop_column("slack_acknowledgements", "actor_name")
