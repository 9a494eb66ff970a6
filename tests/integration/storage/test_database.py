"""URLs, clocks, transactions and an unavailable database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from factories.stored import MOMENT, store_experiment
from foreword.errors import InvalidArgumentError, UnavailableError
from foreword.storage.database import Database
from foreword.storage.tables import TenantRow


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
