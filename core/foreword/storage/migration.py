"""Schema migrations, packaged with the code that needs them."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from foreword.errors import FailedPreconditionError


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Migrates forward within the caller's transaction.

    Raises:
        FailedPreconditionError: The schema is from a newer version of Foreword.
    """
    try:
        command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise FailedPreconditionError(
            f"The database cannot be migrated: {error}. It may be from a newer version of Foreword; run that one.",
            reason="DATABASE_VERSION",
        ) from error


def downgrade(connection: Connection, revision: str) -> None:
    """Migrates back within the caller's transaction; `base` removes everything."""
    command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "foreword.storage:migrations")
    config.attributes["connection"] = connection
    return config
