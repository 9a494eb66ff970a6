"""Add the time of the last success of a webhook."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Webhooks have to prove once more that their receivers answer."""
    op.add_column("webhooks", sa.Column("last_success_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("webhooks", "last_success_time")
