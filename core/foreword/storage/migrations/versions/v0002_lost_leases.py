"""Leases that ran out are counted: a run whose worker keeps dying is ended, one that is given back is not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the count, which begins at 0 for the runs that are there."""
    op.add_column("tune_experiments", sa.Column("lost_leases", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drops the count."""
    op.drop_column("tune_experiments", "lost_leases")
