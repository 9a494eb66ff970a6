"""Add saved prompts and their versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "saved_prompts",
        sa.Column("key", _KEY, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("tenant", "id", "display_name", "description", "creator")
        ),
        sa.Column("tags", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("latest_version", "change_count")),
        *(sa.Column(name, _TIME, nullable=False) for name in ("create_time", "update_time")),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_saved_prompts_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_saved_prompts"),
        sa.UniqueConstraint("tenant", "id", name="uq_saved_prompts_tenant_id"),
        sqlite_autoincrement=True,
    )
    for columns in (["tenant", "key"], ["tenant", "update_time", "key"]):
        op.create_index(f"ix_saved_prompts_{'_'.join(columns)}", "saved_prompts", columns)
    op.create_table(
        "saved_prompt_versions",
        sa.Column("saved_prompt_key", _KEY, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("number", "byte_size")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "model", "note", "creator")),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("content", "parameters")),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["saved_prompt_key"],
            ["saved_prompts.key"],
            name="fk_saved_prompt_versions_saved_prompt_key_saved_prompts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("saved_prompt_key", "number", name="pk_saved_prompt_versions"),
    )
    op.create_index("ix_saved_prompt_versions_tenant", "saved_prompt_versions", ["tenant"])


def downgrade() -> None:
    """Drop the tables. Saved prompts are lost."""
    op.drop_table("saved_prompt_versions")
    op.drop_table("saved_prompts")
