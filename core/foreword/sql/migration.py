"""Schema migrations, shipped with the code that needs them."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect

from foreword.errors import FailedPreconditionError
from foreword.sql.outages import place_of


def upgrade(connection: Connection, scripts: str, revision: str = "head", *, marker: str) -> None:
    """Migrate forward within the caller's transaction.

    Args:
        scripts: Location of the migrations, as `package:folder`.
        marker: Name of a table that every version of the schema has.

    Raises:
        FailedPreconditionError: The schema is from a newer version of Foreword, or the tables belong to another
            program.
    """
    tables = inspect(connection).get_table_names()
    # A downgrade to `base` leaves only the table of versions.
    is_foreign = marker not in tables and not all(table.endswith("_version") for table in tables)
    # PostgreSQL schemas are often shared by programs; an SQLite file belongs to one program.
    if is_foreign and connection.dialect.name == "sqlite":
        raise _foreign(connection, tables)
    config = _config(connection, scripts)
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        if is_foreign:
            raise _foreign(connection, tables) from error
        newest = ScriptDirectory.from_config(config).get_current_head()
        raise FailedPreconditionError(
            f"The database {place_of(connection.engine.url)} was last used by a newer version of Foreword: this "
            f"version supports schema revisions up to {newest} ({error}). Run the newer version, or restore a backup "
            "from "
            "before the upgrade.",
            reason="DATABASE_VERSION",
        ) from error


def _foreign(connection: Connection, tables: Sequence[str]) -> FailedPreconditionError:
    shown = ", ".join(sorted(tables)[:5])
    return FailedPreconditionError(
        f"The database {place_of(connection.engine.url)} belongs to another program: it has the tables {shown}, but "
        "no tables of Foreword. Choose another location for the database.",
        reason="DATABASE_FOREIGN",
    )


def downgrade(connection: Connection, scripts: str, revision: str) -> None:
    """Migrate back within the caller's transaction; `base` removes all tables."""
    command.downgrade(_config(connection, scripts), revision)


def _config(connection: Connection, scripts: str) -> Config:
    config = Config()
    config.set_main_option("script_location", scripts)
    config.attributes["connection"] = connection
    return config
