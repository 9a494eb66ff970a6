"""URLs, clocks, migrations and an unavailable database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect, make_url, text

from factories.stored import MOMENT, store_experiment
from foreword.errors import FailedPreconditionError, InvalidArgumentError, UnavailableError
from foreword.sql import migration
from foreword.storage import tables
from foreword.storage.database import MIGRATIONS, Database
from foreword.storage.tables import Base, TenantRow


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'foreword.db'}"
    url = make_url(request.getfixturevalue("postgres_url")).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS bare"))
        connection.execute(text("CREATE DATABASE bare"))
    engine.dispose()
    return url.set(database="bare").render_as_string(hide_password=False)


def raw_engine(url: str) -> Engine:
    """An engine that begins transactions explicitly on both databases."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def test_migrations_make_the_tables_that_the_models_describe(bare_url):
    database = Database(bare_url)
    database.migrate()
    database.close()
    engine = raw_engine(bare_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_every_migration_goes_forward_and_back(bare_url):
    database = Database(bare_url)
    database.migrate()
    database.close()
    engine = raw_engine(bare_url)
    with engine.begin() as connection:
        migration.downgrade(connection, MIGRATIONS, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    with engine.begin() as connection:
        migration.upgrade(connection, MIGRATIONS, marker="tune_experiments")
        assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())
    engine.dispose()


def test_a_migration_that_is_interrupted_leaves_nothing_behind(bare_url):
    engine = raw_engine(bare_url if "sqlite" not in bare_url else bare_url.replace("/new", ""))

    def interrupted() -> None:
        with engine.begin() as connection:
            migration.upgrade(connection, MIGRATIONS, marker="tune_experiments")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_processes_that_start_together_migrate_once(bare_url):
    barrier, errors = threading.Barrier(6), []

    def start() -> None:
        database = Database(bare_url)
        barrier.wait()
        try:
            database.migrate()
        except BaseException as error:
            errors.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_migrating_again_keeps_the_rows(database):
    experiment = store_experiment(database)
    database.migrate()
    with database.read() as session:
        assert session.scalars(text("SELECT id FROM tune_experiments")).all() == [experiment.id]


def test_a_schema_from_a_newer_version_is_refused(bare_url):
    database = Database(bare_url)
    database.migrate()
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(FailedPreconditionError) as caught:
        database.migrate()
    assert caught.value.reason == "DATABASE_VERSION"
    database.close()


def test_there_is_one_line_of_migrations():
    assert len(ScriptDirectory(str(Path(tables.__file__).parent / "migrations")).get_heads()) == 1


def test_the_clock_is_the_databases_in_aware_utc_and_moves(database):
    first = database.now()
    with database.write() as session:
        second = database.clock(session)
    assert first.tzinfo is UTC
    assert first <= second
    assert abs(second - datetime.now(UTC)) < timedelta(seconds=5)


def test_sqlite_is_set_up_to_lose_nothing(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'foreword.db'}")
    database.migrate()
    with database.read() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_read_sees_one_state_throughout(database):
    with database.read() as session:
        before = session.execute(text("SELECT count(*) FROM tenants")).scalar()
        store_experiment(database)
        assert session.execute(text("SELECT count(*) FROM tenants")).scalar() == before


def test_a_block_that_raises_writes_nothing(database):
    def interrupted() -> None:
        with database.write() as session:
            session.add(TenantRow(id="acme", display_name="", create_time=MOMENT))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    with database.read() as session:
        assert session.get(TenantRow, "acme") is None


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/x", "sqlite://", "sqlite:///:memory:", "sqlite:////srv/what?/x.db"]
)
def test_an_url_of_another_kind_is_refused(url):
    with pytest.raises(InvalidArgumentError) as caught:
        Database(url)
    assert caught.value.violations[0].field == "database_url"


def test_a_database_that_is_away_is_unavailable(tmp_path):
    database = Database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(UnavailableError):
        database.now()
    database.close()
