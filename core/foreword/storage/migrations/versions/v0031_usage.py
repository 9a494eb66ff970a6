"""Add quotas, and what tenants have used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "quotas",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("change_count", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_quotas_tenant_tenants", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", name="pk_quotas"),
    )
    op.create_table(
        "usage",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "day", "model", "kind")),
        sa.Column("amount", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "day", "model", "kind", name="pk_usage"),
    )
    op.create_index("ix_usage_day", "usage", ["day"])
    op.create_table(
        "usage_segments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("rolled_bytes", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_segments"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("usage_segments")
    op.drop_table("usage")
    op.drop_table("quotas")
