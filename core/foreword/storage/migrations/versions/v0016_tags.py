"""Add the tags of experiments, sweeps and tuned models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = ("tune_experiments", "tune_sweeps", "tuned_models")


def upgrade() -> None:
    """Add the columns. Nothing has tags."""
    for table in _TABLES:
        op.add_column(table, sa.Column("tags", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop the columns, with the tags."""
    for table in _TABLES:
        op.drop_column(table, "tags")
