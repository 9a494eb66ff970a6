"""Add the hash of the block hashes of a dataset's rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty for existing datasets, whose rows are verified as a whole."""
    op.add_column("datasets", sa.Column("blocks_sha256", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("datasets", "blocks_sha256")
