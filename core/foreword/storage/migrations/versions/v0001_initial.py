"""Initial schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON()


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "requests",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("rpc", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "rpc", "request_id", name="pk_requests"),
    )
    op.create_index("ix_requests_tenant_create_time", "requests", ["tenant", "create_time"])
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )
    op.create_table(
        "api_keys",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("expire_time", _TIME, nullable=True),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_api_keys_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_api_keys"),
        sa.UniqueConstraint("id", name="uq_api_keys_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_api_keys_tenant_key", "api_keys", ["tenant", "key"])
    op.create_table(
        "dataset_versions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("last_version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_dataset_versions_tenant_tenants"),
        sa.PrimaryKeyConstraint("tenant", "display_name", name="pk_dataset_versions"),
    )
    op.create_table(
        "datasets",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("report", _JSON, nullable=True),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_datasets_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_datasets"),
        sa.UniqueConstraint("tenant", "display_name", "version", name="uq_datasets_tenant_display_name_version"),
        sa.UniqueConstraint("tenant", "id", name="uq_datasets_tenant_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_datasets_tenant_key", "datasets", ["tenant", "key"])
    op.create_table(
        "spaces",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_spaces_tenant_tenants"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_spaces"),
    )
    op.create_table(
        "tune_experiments",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("config", _JSON, nullable=False),
        sa.Column("plan", _JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failure", _JSON, nullable=True),
        sa.Column("progress", _JSON, nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("evaluations", _JSON, nullable=False),
        sa.Column("curve_advice", sa.Text(), nullable=False),
        sa.Column("tuned_model", sa.Text(), nullable=True),
        sa.Column("compute_seconds", sa.Float(precision=53), nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_worker", sa.Text(), nullable=True),
        sa.Column("lease_expire_time", _TIME, nullable=True),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.Column("start_time", _TIME, nullable=True),
        sa.Column("end_time", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_tune_experiments_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_tune_experiments"),
        sa.UniqueConstraint("tenant", "display_name", name="uq_tune_experiments_tenant_display_name"),
        sa.UniqueConstraint("tenant", "id", name="uq_tune_experiments_tenant_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tune_experiments_state_lease_expire_time", "tune_experiments", ["state", "lease_expire_time"])
    op.create_index("ix_tune_experiments_tenant_key", "tune_experiments", ["tenant", "key"])
    op.create_index("ix_tune_experiments_tenant_state", "tune_experiments", ["tenant", "state"])
    op.create_table(
        "tuned_models",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("manifest", _JSON, nullable=False),
        sa.Column("evaluations", _JSON, nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_tuned_models_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_tuned_models"),
        sa.UniqueConstraint("tenant", "id", name="uq_tuned_models_tenant_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tuned_models_tenant_key", "tuned_models", ["tenant", "key"])
    op.create_table(
        "deployments",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("serving_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("serving_revision", sa.BigInteger(), nullable=False),
        sa.Column("passed_over_revision", sa.BigInteger(), nullable=False),
        sa.Column("change_count", sa.BigInteger(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.Column("update_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "space"], ["spaces.tenant", "spaces.id"], name="fk_deployments_tenant_space_spaces"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_deployments"),
        sa.UniqueConstraint("tenant", "serving_name", name="uq_deployments_tenant_serving_name"),
        sa.UniqueConstraint("tenant", "space", "id", name="uq_deployments_tenant_space_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deployments_tenant_key", "deployments", ["tenant", "key"])
    op.create_table(
        "tune_snapshots",
        sa.Column("experiment_key", _KEY, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("point", _JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_key"],
            ["tune_experiments.key"],
            name="fk_tune_snapshots_experiment_key_tune_experiments",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("experiment_key", "sequence", name="pk_tune_snapshots"),
    )
    op.create_table(
        "deployment_revisions",
        sa.Column("deployment_key", _KEY, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("tuned_model", sa.Text(), nullable=True),
        sa.Column("base_model", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failure", _JSON, nullable=True),
        sa.Column("probe_effect", sa.Float(precision=53), nullable=False),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_key"],
            ["deployments.key"],
            name="fk_deployment_revisions_deployment_key_deployments",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_key", "number", name="pk_deployment_revisions"),
    )
    op.create_index("ix_deployment_revisions_state", "deployment_revisions", ["state"])
    op.create_index("ix_deployment_revisions_tenant_tuned_model", "deployment_revisions", ["tenant", "tuned_model"])


def downgrade() -> None:
    """Drop all tables, in reverse order of their references."""
    for table in (
        "deployment_revisions",
        "tune_snapshots",
        "deployments",
        "tuned_models",
        "tune_experiments",
        "spaces",
        "datasets",
        "dataset_versions",
        "api_keys",
        "tenants",
        "requests",
    ):
        op.drop_table(table)
