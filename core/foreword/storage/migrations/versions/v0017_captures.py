"""Add the captured requests of deployments, and which of their requests are captured."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables and the column. No requests are captured."""
    op.add_column("deployments", sa.Column("capture", sa.JSON(), nullable=True))
    op.create_table(
        "captured_requests",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("deployment_key", _KEY, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "request_id")),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("model", "input", "output")),
        sa.Column("labels", sa.JSON(), nullable=True),
        *(sa.Column(name, sa.Float(53), nullable=True) for name in ("probability", "threshold")),
        sa.Column("abstained", sa.Boolean(), nullable=True),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_key"],
            ["deployments.key"],
            name="fk_captured_requests_deployment_key_deployments",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name="pk_captured_requests"),
        sa.UniqueConstraint("deployment_key", "request_id", name="uq_captured_requests_deployment_key_request_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_captured_requests_deployment_key_key", "captured_requests", ["deployment_key", "key"])
    op.create_index(
        "ix_captured_requests_deployment_key_create_time_key",
        "captured_requests",
        ["deployment_key", "create_time", "key"],
    )
    op.create_table(
        "capture_usage",
        sa.Column("deployment_key", _KEY, nullable=False, autoincrement=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("request_count", "byte_size")),
        sa.ForeignKeyConstraint(
            ["deployment_key"],
            ["deployments.key"],
            name="fk_capture_usage_deployment_key_deployments",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_key", name="pk_capture_usage"),
    )
    op.create_index("ix_capture_usage_tenant", "capture_usage", ["tenant"])


def downgrade() -> None:
    """Drop the tables and the column. What was captured is deleted."""
    op.drop_table("capture_usage")
    op.drop_table("captured_requests")
    op.drop_column("deployments", "capture")
