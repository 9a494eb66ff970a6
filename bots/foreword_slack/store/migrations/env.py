"""Runs migrations on the connection that `foreword.sql.migration` hands over."""

from __future__ import annotations

from alembic import context

from foreword_slack.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="slack_version",  # a PostgreSQL database may hold the service's schema, too
    transactional_ddl=True,  # SQLite can, once transactions begin explicitly, as `foreword.sql` sees to
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
