"""Add the number of looks in a row that show a drift."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. The drifts of reports that are stored already have had their events."""
    op.add_column("drift_reports", sa.Column("drifted_looks", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("drift_reports", "drifted_looks")
