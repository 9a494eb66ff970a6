"""Add evaluations and the batches of their answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "evaluations",
        sa.Column("key", _KEY, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "id", "display_name", "description")),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("examples_dataset", sa.Text(), nullable=True),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("estimated_seconds", sa.Float(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("progress", "results")),
        sa.Column("rows_file", sa.JSON(), nullable=True),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_evaluations_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_evaluations"),
        sa.UniqueConstraint("tenant", "id", name="uq_evaluations_tenant_id"),
        sa.UniqueConstraint("tenant", "display_name", name="uq_evaluations_tenant_display_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evaluations_tenant_key", "evaluations", ["tenant", "key"])
    op.create_index("ix_evaluations_tenant_create_time_key", "evaluations", ["tenant", "create_time", "key"])
    op.create_table(
        "evaluation_batches",
        sa.Column("evaluation_key", _KEY, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("system", "number")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "artifact", "sha256")),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evaluation_key"],
            ["evaluations.key"],
            name="fk_evaluation_batches_evaluation_key_evaluations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("evaluation_key", "system", "number", name="pk_evaluation_batches"),
    )


def downgrade() -> None:
    """Drop the tables and the jobs of evaluations."""
    op.execute("DELETE FROM jobs WHERE kind = 'evaluate'")
    op.drop_table("evaluation_batches")
    op.drop_table("evaluations")
