"""Alembic environment, which runs migrations on the connection from `foreword.sql.migration`."""

from __future__ import annotations

from alembic import context

from foreword_slack.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="slack_version",  # a PostgreSQL database may contain the service's schema too
    transactional_ddl=True,  # SQLite supports this because `foreword.sql` begins transactions explicitly
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
