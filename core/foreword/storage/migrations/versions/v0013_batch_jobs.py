"""Add batch jobs, the parts of their answers, and unlabelled datasets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables and the column."""
    op.add_column("datasets", sa.Column("unlabelled", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "batch_jobs",
        sa.Column("key", _KEY, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "id", "display_name", "description")),
        sa.Column("dataset", sa.Text(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("config", "plan", "progress")),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_batch_jobs_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_batch_jobs"),
        sa.UniqueConstraint("tenant", "id", name="uq_batch_jobs_tenant_id"),
        sa.UniqueConstraint("tenant", "display_name", name="uq_batch_jobs_tenant_display_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batch_jobs_tenant_key", "batch_jobs", ["tenant", "key"])
    op.create_index("ix_batch_jobs_tenant_create_time_key", "batch_jobs", ["tenant", "create_time", "key"])
    op.create_table(
        "batch_job_parts",
        sa.Column("batch_job_key", _KEY, nullable=False),
        sa.Column("first_row", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "artifact", "sha256")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("row_count", "failed_count")),
        sa.ForeignKeyConstraint(
            ["batch_job_key"],
            ["batch_jobs.key"],
            name="fk_batch_job_parts_batch_job_key_batch_jobs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("batch_job_key", "first_row", name="pk_batch_job_parts"),
    )


def downgrade() -> None:
    """Drop the tables, the jobs and the column. Unlabelled datasets remain, with empty outputs."""
    op.execute("DELETE FROM jobs WHERE kind = 'batch'")
    op.drop_table("batch_job_parts")
    op.drop_table("batch_jobs")
    op.drop_column("datasets", "unlabelled")
