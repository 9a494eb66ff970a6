"""Add the feedback of captured requests, and the provenance of datasets that are made of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLE = "captured_requests"
_INDEX = "ix_captured_requests_deployment_key_feedback_time_key"
_NULLABLE: dict[str, sa.types.TypeEngine[Any]] = {
    "right_labels": sa.JSON(),
    "right_output": sa.Text(),
    "score": sa.Float(53),
    "author": sa.Text(),
    "feedback_time": sa.DateTime(timezone=True),
    "correct": sa.Boolean(),
}


def upgrade() -> None:
    """Add the columns. There is no feedback."""
    op.add_column(_TABLE, sa.Column("captured", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column(_TABLE, sa.Column("comment", sa.Text(), server_default=sa.text("''"), nullable=False))
    for name, kind in _NULLABLE.items():
        op.add_column(_TABLE, sa.Column(name, kind, nullable=True))
    op.create_index(_INDEX, _TABLE, ["deployment_key", "feedback_time", "key"])
    op.add_column("datasets", sa.Column("captured_from", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop the columns, and the requests of which there is only feedback."""
    op.execute("DELETE FROM captured_requests WHERE NOT captured")
    op.drop_column("datasets", "captured_from")
    op.drop_index(_INDEX, _TABLE)
    for name in ("captured", "comment", *_NULLABLE):
        op.drop_column(_TABLE, name)
