"""Add samples of training data, and the reports that compare requests with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "training_samples",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "tuned_model")),
        sa.Column("sample", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "tuned_model"],
            ["tuned_models.tenant", "tuned_models.id"],
            name="fk_training_samples_tenant_tuned_model_tuned_models",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "tuned_model", name="pk_training_samples"),
    )
    op.create_table(
        "drift_reports",
        sa.Column("deployment_key", _KEY, nullable=False, autoincrement=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("last_request", sa.BigInteger(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_key"],
            ["deployments.key"],
            name="fk_drift_reports_deployment_key_deployments",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_key", name="pk_drift_reports"),
    )
    op.create_index("ix_drift_reports_due_time", "drift_reports", ["due_time"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("drift_reports")
    op.drop_table("training_samples")
