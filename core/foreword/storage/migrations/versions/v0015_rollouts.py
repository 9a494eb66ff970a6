"""Add the rollouts of revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. No revision is being rolled out."""
    op.add_column(
        "deployments", sa.Column("candidate_revision", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("deployment_revisions", sa.Column("rollout", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop the columns. Rollouts that run end, and the revisions in service stay in service."""
    op.drop_column("deployment_revisions", "rollout")
    op.drop_column("deployments", "candidate_revision")
