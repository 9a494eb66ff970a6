"""Alembic environment, which runs migrations on the connection passed by `foreword.sql.migration`."""

from __future__ import annotations

from alembic import context

from foreword.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # SQLite supports it if transactions begin explicitly, as in `foreword.sql.database`
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
