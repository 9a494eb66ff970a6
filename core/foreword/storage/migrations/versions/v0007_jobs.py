"""Move the state, the lease and the times of runs from experiments to a table of jobs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_SECONDS = sa.Float(precision=53)

_MOVED: dict[str, tuple[Any, str | None]] = {
    "state": (sa.Text(), "'queued'"),
    "failure": (sa.JSON(), None),
    "compute_seconds": (_SECONDS, "0"),
    "lease_epoch": (sa.BigInteger(), "0"),
    "lease_worker": (sa.Text(), None),
    "lease_expire_time": (_TIME, None),
    "lost_leases": (sa.BigInteger(), "0"),
    "wait_seconds": (_SECONDS, "0"),
    "yield_time": (_TIME, None),
    "update_time": (_TIME, "'1970-01-01 00:00:00+00:00'"),
    "start_time": (_TIME, None),
    "end_time": (_TIME, None),
}
"""The columns that move, with the type and, if a value is needed, one for the moment until they are filled."""

_KEPT_DEFAULTS = ("lost_leases", "wait_seconds")
_KIND = "tune"


def upgrade() -> None:
    """Create the table with a job for every experiment, oldest first, and drop the columns of experiments."""
    op.create_table(
        "jobs",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("base_model", sa.Text(), nullable=False),
        sa.Column("tuning_type", sa.Text(), nullable=False),
        *(sa.Column(name, kind, nullable=default is None) for name, (kind, default) in _MOVED.items()),
        sa.Column("create_time", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_jobs_tenant_tenants"),
        sa.PrimaryKeyConstraint("key", name="pk_jobs"),
        sa.UniqueConstraint("tenant", "kind", "resource", name="uq_jobs_tenant_kind_resource"),
        sqlite_autoincrement=True,
    )
    experiments, jobs = _experiments(), _jobs()
    same = ("tenant", "create_time", *_MOVED)
    config = experiments.c.config
    op.execute(
        jobs.insert().from_select(
            ["kind", "resource", "base_model", "tuning_type", *same],
            sa.select(
                sa.literal(_KIND),
                experiments.c.id,
                sa.func.coalesce(config["base_model"].as_string(), ""),
                sa.func.coalesce(config["tuning_type"].as_string(), ""),
                *(experiments.c[name] for name in same),
            ).order_by(experiments.c.key),
        )
    )
    op.create_index("ix_jobs_tenant_state", "jobs", ["tenant", "state"])
    op.create_index("ix_jobs_state_lease_expire_time", "jobs", ["state", "lease_expire_time"])
    op.drop_index("ix_tune_experiments_tenant_state", "tune_experiments")
    op.drop_index("ix_tune_experiments_state_lease_expire_time", "tune_experiments")
    for name in _MOVED:
        op.drop_column("tune_experiments", name)


def downgrade() -> None:
    """Move the columns back and drop the table."""
    for name, (kind, default) in _MOVED.items():
        text = None if default is None else sa.text(default)
        op.add_column("tune_experiments", sa.Column(name, kind, nullable=default is None, server_default=text))
    experiments, jobs = _experiments(), _jobs()
    own = sa.and_(jobs.c.tenant == experiments.c.tenant, jobs.c.kind == _KIND, jobs.c.resource == experiments.c.id)
    op.execute(
        experiments.update().values({name: sa.select(jobs.c[name]).where(own).scalar_subquery() for name in _MOVED})
    )
    if op.get_bind().dialect.name != "sqlite":  # SQLite cannot drop a default, which does no harm
        for name, (_, default) in _MOVED.items():
            if default is not None and name not in _KEPT_DEFAULTS:
                op.alter_column("tune_experiments", name, server_default=None)
    op.create_index("ix_tune_experiments_tenant_state", "tune_experiments", ["tenant", "state"])
    op.create_index("ix_tune_experiments_state_lease_expire_time", "tune_experiments", ["state", "lease_expire_time"])
    op.drop_table("jobs")


def _experiments() -> sa.TableClause:
    """Return the table of experiments with the columns to move."""
    return sa.table(
        "tune_experiments",
        sa.column("key", sa.BigInteger()),
        sa.column("tenant", sa.Text()),
        sa.column("id", sa.Text()),
        sa.column("config", sa.JSON()),
        *(sa.column(name) for name in ("create_time", *_MOVED)),
    )


def _jobs() -> sa.TableClause:
    """Return the table of jobs with the columns to move."""
    names = ("tenant", "kind", "resource", "base_model", "tuning_type", "create_time", *_MOVED)
    return sa.table("jobs", *(sa.column(name) for name in names))
