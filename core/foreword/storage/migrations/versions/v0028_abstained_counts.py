"""Add the number of rows of a batch job's part that abstained."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. The numbers of parts that are stored already are only in their files."""
    op.add_column("batch_job_parts", sa.Column("abstained_count", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("batch_job_parts", "abstained_count")
