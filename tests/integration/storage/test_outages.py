"""A database that cannot be used: the error and one log entry name the cause and the remedy."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, make_url, text

from factories.logs import captured_logs
from foreword.errors import FailedPreconditionError, UnavailableError
from foreword.sql import database as sql_database
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.tenants import TenantRepository


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with one tenant that no process has open."""
    path = tmp_path / "foreword.db"
    database = Database(path)
    database.migrate()
    TenantRepository(database).ensure_tenant("acme")
    database.close()
    return path


@pytest.fixture
def database(file: Path):
    opened = Database(file)
    yield opened
    opened.close()


def tenants(database: Database) -> list[str]:
    return [tenant.id for tenant in TenantRepository(database).list_tenants(ListRequest(page_size=10)).items]


def start_error(place: Path | str) -> UnavailableError:
    database = Database(place)
    with captured_logs() as logs, pytest.raises(UnavailableError) as raised:
        database.migrate()
    database.close()
    assert logs == [], "the caller shows it"
    assert raised.value.reason == "DATABASE_UNAVAILABLE"
    return raised.value


def migrate(file: Path) -> None:
    with closing(Database(file)) as database:
        database.migrate()


def fill(repository: TenantRepository, kept: list[str]) -> None:
    """Add tenants until the database rejects one; `kept` receives those that were stored."""
    for number in range(2000):
        repository.ensure_tenant(f"tenant-{number}")
        kept.append(f"tenant-{number}")


def run_sql(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_damaged_file_is_named_with_the_backup_as_remedy(file):
    file.write_bytes(os.urandom(4096))

    error = start_error(file)

    assert error.operator_message == (
        f"The database {file} is damaged, or its file is not an SQLite database (file is not a database). Restore the "
        "file from a backup, or choose another location for the database."
    )
    assert str(file) not in error.message


def test_pages_that_are_damaged_are_named_when_they_are_read(file, database):
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)

    with captured_logs() as logs, pytest.raises(UnavailableError, match="is damaged"):
        tenants(database)

    assert [log["database"] for log in logs if log["event"] == "database_unavailable"] == [str(file)]


def test_a_file_of_another_program_is_left_alone(tmp_path):
    file = tmp_path / "songs.db"
    run_sql(file, "CREATE TABLE songs (name)", "CREATE TABLE albums (name)")
    content = file.read_bytes()

    with pytest.raises(FailedPreconditionError, match="has the tables albums, songs") as raised:
        migrate(file)

    assert str(file) in raised.value.message
    assert raised.value.reason == "DATABASE_FOREIGN"
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (2,)
    assert len(content) == file.stat().st_size


def test_a_database_of_another_program_that_uses_alembic_is_not_taken_for_a_newer_one(tmp_path):
    file = tmp_path / "other.db"
    run_sql(
        file,
        "CREATE TABLE alembic_version (version_num)",
        "INSERT INTO alembic_version VALUES ('bd07f7e963c5')",
        "CREATE TABLE runs (name)",
    )

    with pytest.raises(FailedPreconditionError, match="belongs to another program"):
        migrate(file)


def test_the_store_of_the_bot_is_not_taken_for_the_service_s(tmp_path):
    file = tmp_path / "slack.db"
    store = sql_database.Database(file, migrations="foreword_slack.store:migrations", marker="slack_inbox")
    store.migrate()
    store.close()

    with pytest.raises(FailedPreconditionError, match="belongs to another program"):
        migrate(file)


def test_a_newer_schema_names_the_file_and_both_ways_out(file):
    run_sql(file, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(FailedPreconditionError, match="newer version") as raised:
        migrate(file)

    assert str(file) in raised.value.message
    assert "Run the newer version, or restore a backup" in raised.value.message


def test_a_file_that_another_process_has_locked_is_named(file, monkeypatch):
    monkeypatch.setattr(sql_database, "_BUSY_TIMEOUT_MILLISECONDS", 200)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        error = start_error(file)

    assert "has been locked by another process for too long (database is locked)" in error.operator_message
    assert f"fuser {file}" in error.operator_message


def test_a_file_that_may_only_be_read_is_named(file, monkeypatch):
    # Root may write everything, so the operating system is asked in its place.
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == file and mode == os.W_OK))

    assert "cannot be written (Permission denied). Make the file and its folder writable" in (
        start_error(file).operator_message
    )


def test_a_disk_that_is_full_loses_nothing_and_is_named_until_there_is_space(file, database):
    pages = os.stat(file).st_size // 4096

    @event.listens_for(database._engine, "connect")
    def bound(connection, record):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    repository = TenantRepository(database)
    kept = ["acme"]
    with captured_logs() as logs:
        with pytest.raises(UnavailableError, match="as its disk is full"):
            fill(repository, kept)
        for _ in range(3):
            with pytest.raises(UnavailableError, match="as its disk is full"):
                repository.ensure_tenant(f"tenant-{len(kept) - 1}")
    event.remove(database._engine, "connect", bound)
    database._engine.dispose()
    with captured_logs() as later:
        repository.ensure_tenant("last")

    assert [(log["event"], log["error"], log["remedy"]) for log in logs] == [
        ("database_unavailable", "database or disk is full", "Free space on the disk that holds the file.")
    ]
    assert [log["event"] for log in later] == ["database_available"]
    assert {item.id for item in repository.list_tenants(ListRequest(page_size=1000)).items} == {*kept, "last"}


def test_a_file_that_is_deleted_under_a_running_service_is_missed_and_found_again(file, database, tmp_path):
    assert tenants(database) == ["acme"]
    kept = file.rename(tmp_path / "kept.db")

    with captured_logs() as logs:
        for _ in range(3):
            with pytest.raises(UnavailableError, match="is missing"):
                TenantRepository(database).ensure_tenant("lost")
    assert [(log["event"], log["database"]) for log in logs] == [("database_unavailable", str(file))]
    assert not file.exists(), "an empty one would hide that the tenants are gone"

    shutil.copy(kept, file)
    with captured_logs() as logs:
        TenantRepository(database).ensure_tenant("later")
    assert [log["event"] for log in logs] == ["database_available"]
    assert tenants(database) == ["acme", "later"]


def test_another_file_in_its_place_is_noticed(file, database):
    assert tenants(database) == ["acme"]
    file.unlink()
    run_sql(file, "CREATE TABLE songs (name)")

    with pytest.raises(UnavailableError, match="does not hold Foreword's tables"):
        tenants(database)


def test_a_statement_that_is_wrong_is_no_outage(database):
    with pytest.raises(Exception, match="syntax error") as raised, database.read() as session:
        session.execute(text("SELEC 1"))

    assert not isinstance(raised.value, UnavailableError)


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        ({"port": 1}, "cannot be reached", "Start PostgreSQL, or correct host and port"),
        ({"host": "nowhere.invalid"}, "its host is unknown", "Correct the host"),
        ({"database": "absent"}, "does not exist", "Create it with `createdb`"),
        ({"username": "nobody_known"}, "rejects the user", "Correct the user and the password"),
    ],
)
def test_what_postgresql_refuses_is_named_without_the_password(postgres_server_url, change, problem, remedy):
    url = make_url(postgres_server_url).set(password="secret").set(**change)
    if "host" in change:
        url = url.difference_update_query(["host"])

    error = start_error(url.render_as_string(hide_password=False))

    assert problem in error.operator_message
    assert remedy in error.operator_message
    assert "secret" not in error.operator_message
    assert not any(str(part) in error.message for part in ("127.0.0.1", url.database))


def test_a_wrong_password_is_named_with_its_remedy(postgres_server_url):
    server = create_engine(make_url(postgres_server_url).set(drivername="postgresql+psycopg"))
    with server.begin() as connection:
        connection.execute(text("CREATE ROLE clerk LOGIN PASSWORD 'right'"))
        rules = Path(connection.execute(text("SHOW hba_file")).scalar_one())
        rules.write_text(f"local all clerk scram-sha-256\nhost all clerk all scram-sha-256\n{rules.read_text()}")
        connection.execute(text("SELECT pg_reload_conf()"))
    server.dispose()

    error = start_error(
        make_url(postgres_server_url).set(username="clerk", password="wrong").render_as_string(hide_password=False)
    )

    assert "rejects the user or the password" in error.operator_message
    assert "Correct the user and the password in its URL" in error.operator_message
    assert "wrong" not in error.operator_message
