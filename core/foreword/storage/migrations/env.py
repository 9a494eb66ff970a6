"""Runs migrations on the connection that `foreword.sql.migration` hands over."""

from __future__ import annotations

from alembic import context

from foreword.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # SQLite can, once transactions begin explicitly, as `database` sees to
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
