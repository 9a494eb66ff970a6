"""Add an index of the feedback about requests that were not captured."""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_INDEX = "ix_captured_requests_deployment_key_captured_key_byte_size"
_TABLE = "captured_requests"


def upgrade() -> None:
    """Create the index."""
    op.create_index(_INDEX, _TABLE, ["deployment_key", "captured", "key", "byte_size"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index(_INDEX, _TABLE)
