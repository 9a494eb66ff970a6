"""Schema migrations, packaged with the code that needs them."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from foreword.errors import FailedPreconditionError


def upgrade(connection: Connection, scripts: str, revision: str = "head") -> None:
    """Migrates forward within the caller's transaction.

    Args:
        scripts: Where the migrations are, as `package:folder`.

    Raises:
        FailedPreconditionError: The schema is from a newer version of Foreword.
    """
    try:
        command.upgrade(_config(connection, scripts), revision)
    except CommandError as error:
        raise FailedPreconditionError(
            f"The database cannot be migrated: {error}. It may be from a newer version of Foreword; run that one.",
            reason="DATABASE_VERSION",
        ) from error


def downgrade(connection: Connection, scripts: str, revision: str) -> None:
    """Migrates back within the caller's transaction; `base` removes everything."""
    command.downgrade(_config(connection, scripts), revision)


def _config(connection: Connection, scripts: str) -> Config:
    config = Config()
    config.set_main_option("script_location", scripts)
    config.attributes["connection"] = connection
    return config
