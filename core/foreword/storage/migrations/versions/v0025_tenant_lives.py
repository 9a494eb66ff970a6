"""Add the states of tenants, and the parents and last uses of API keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_TIMES = ("suspend_time", "delete_time", "purge_time", "update_time")


def upgrade() -> None:
    """Add the columns. All tenants are active, and no key is a child."""
    op.add_column("tenants", sa.Column("state", sa.Text(), nullable=False, server_default="active"))
    op.add_column("tenants", sa.Column("suspend_reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("tenants", sa.Column("change_count", sa.BigInteger(), nullable=False, server_default="0"))
    for name in _TIMES:
        op.add_column("tenants", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("parent", sa.Text(), nullable=True))
    op.add_column("api_keys", sa.Column("last_use_time", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_api_keys_parent", "api_keys", ["parent"])


def downgrade() -> None:
    """Drop the columns. Suspended and deleted tenants are active again. Child keys are deleted: they have no parent."""
    op.execute("DELETE FROM api_keys WHERE parent IS NOT NULL")
    op.drop_index("ix_api_keys_parent", "api_keys")
    op.drop_column("api_keys", "last_use_time")
    op.drop_column("api_keys", "parent")
    for name in (*_TIMES, "change_count", "suspend_reason", "state"):
        op.drop_column("tenants", name)
