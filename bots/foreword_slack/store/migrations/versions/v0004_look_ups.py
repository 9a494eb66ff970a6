"""Add how far the look-up of a post with an unknown outcome has come, and the time of its last attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, which are empty for existing rows."""
    op.add_column("slack_outbox", sa.Column("look_up_cursor", sa.Text(), nullable=False, server_default=""))
    op.add_column("slack_outbox", sa.Column("last_send_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("slack_outbox", "last_send_time")
    op.drop_column("slack_outbox", "look_up_cursor")
