"""Add sweeps, and to experiments the sweep of which they are a trial and their best held-out score."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table and add the columns; existing experiments are no trials."""
    op.create_table(
        "tune_sweeps",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "id", "display_name", "description")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("dataset", "base_model")),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("config", "space", "plan")),
        sa.Column("cancel_time", _TIME, nullable=True),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_tune_sweeps_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_tune_sweeps"),
        sa.UniqueConstraint("tenant", "id", name="uq_tune_sweeps_tenant_id"),
        sa.UniqueConstraint("tenant", "display_name", name="uq_tune_sweeps_tenant_display_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tune_sweeps_tenant_key", "tune_sweeps", ["tenant", "key"])
    op.create_index("ix_tune_sweeps_tenant_create_time_key", "tune_sweeps", ["tenant", "create_time", "key"])
    op.add_column("tune_experiments", sa.Column("sweep", sa.Text(), nullable=True))
    op.add_column("tune_experiments", sa.Column("trial", sa.JSON(), nullable=True))
    op.add_column("tune_experiments", sa.Column("held_out_score", sa.JSON(), nullable=True))
    op.create_index("ix_tune_experiments_tenant_sweep", "tune_experiments", ["tenant", "sweep"])


def downgrade() -> None:
    """Drop the table and the columns; trials stay as experiments."""
    op.drop_index("ix_tune_experiments_tenant_sweep", "tune_experiments")
    for name in ("held_out_score", "trial", "sweep"):
        op.drop_column("tune_experiments", name)
    op.drop_table("tune_sweeps")
