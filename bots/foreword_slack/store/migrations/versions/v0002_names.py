"""Names of who took, decided and corrected: a post that is shown anew must still say them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the names, which nobody knows of what was done before."""
    op.add_column("slack_acknowledgements", sa.Column("actor_name", sa.Text(), nullable=True))
    op.add_column("slack_complaints", sa.Column("decider_name", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drops the names."""
    op.drop_column("slack_complaints", "decider_name")
    op.drop_column("slack_acknowledgements", "actor_name")
