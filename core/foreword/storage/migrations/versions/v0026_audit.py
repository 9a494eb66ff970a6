"""Add the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "audit_records",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in (
                "actor_tenant",
                "actor",
                "peer",
                "method",
                "resource",
                "request_id",
                "trace_id",
                "code",
                "reason",
            )
        ),
        sa.Column("changed_fields", sa.JSON(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("previous_hash", "hash")),
        sa.PrimaryKeyConstraint("key", name="pk_audit_records"),
        sa.UniqueConstraint("tenant", "sequence", name="uq_audit_records_tenant_sequence"),
        sqlite_autoincrement=True,
    )
    for columns in (["tenant", "key"], ["tenant", "time", "key"], ["time", "key"]):
        op.create_index(f"ix_audit_records_{'_'.join(columns)}", "audit_records", columns)
    op.create_table(
        "audit_chains",
        sa.Column("tenant", sa.Text(), nullable=False),
        *(
            sa.Column(name, kind, nullable=False)
            for name, kind in (
                ("anchor_sequence", sa.BigInteger()),
                ("anchor_hash", sa.Text()),
                ("last_sequence", sa.BigInteger()),
                ("last_hash", sa.Text()),
            )
        ),
        sa.PrimaryKeyConstraint("tenant", name="pk_audit_chains"),
    )


def downgrade() -> None:
    """Drop the tables. All audit records are lost; export them before."""
    op.drop_table("audit_chains")
    op.drop_table("audit_records")
