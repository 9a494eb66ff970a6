"""Add the id of the request by which the model answered, for feedback to the service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which is empty for existing rows."""
    op.add_column("slack_complaints", sa.Column("request_id", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("slack_complaints", "request_id")
