"""Add the policies of spaces and their verdicts on revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index by which the evaluations of a dataset are found. Existing spaces have no policy."""
    op.add_column("spaces", sa.Column("policy", sa.JSON(), nullable=True))
    op.add_column("spaces", sa.Column("change_count", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("deployment_revisions", sa.Column("verdict", sa.JSON(), nullable=True))
    op.create_index("ix_evaluations_tenant_dataset_key", "evaluations", ["tenant", "dataset", "key"])


def downgrade() -> None:
    """Drop the columns and the index."""
    op.drop_index("ix_evaluations_tenant_dataset_key", "evaluations")
    op.drop_column("deployment_revisions", "verdict")
    op.drop_column("spaces", "change_count")
    op.drop_column("spaces", "policy")
