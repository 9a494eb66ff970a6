"""Add the speeds at which machines tune base models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty. The first plan or run of a base model estimates its speed."""
    op.create_table(
        "machine_speeds",
        sa.Column("base_model", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("seconds_per_token", sa.Float(precision=53), nullable=False),
        sa.Column("observed_tokens", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("base_model", "device", "dtype", name="pk_machine_speeds"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("machine_speeds")
