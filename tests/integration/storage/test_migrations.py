"""Migrations of the schema, and of the rows that it holds."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, inspect, select, text

from factories.stored import MOMENT, make_config, make_plan, store_dataset, store_experiment, store_tenant
from foreword.domain.experiment import ExperimentConfig, Progress, TunePlan
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.errors import FailedPreconditionError
from foreword.sql import migration
from foreword.storage import migrations
from foreword.storage.codec import encode
from foreword.storage.database import MIGRATIONS, Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.webhooks import WebhookRepository
from foreword.storage.tables import Base
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
FAILURE = Failure(kind="internal", reason="INTERNAL", message="It broke.")


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
    assert len(ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads()) == 1


RUNS: Mapping[str, Mapping[str, Any]] = {
    "queued": {"state": "queued"},
    "running": {"state": "running", "start_time": MOMENT, "lease_epoch": 2, "lease_worker": "w1",
                "lease_expire_time": MOMENT + MINUTE, "compute_seconds": 12.5, "lost_leases": 1},
    "yielded": {"state": "running", "start_time": MOMENT, "lease_epoch": 1, "lease_expire_time": MOMENT + MINUTE,
                "yield_time": MOMENT + MINUTE, "wait_seconds": 3.25, "compute_seconds": 60.0},
    "cancelling": {"state": "cancelling", "start_time": MOMENT, "lease_epoch": 1, "lease_worker": "w2",
                   "lease_expire_time": MOMENT + MINUTE},
    "cancelled": {"state": "cancelled", "end_time": MOMENT + MINUTE},
    "failed": {"state": "failed", "start_time": MOMENT, "end_time": MOMENT + MINUTE, "lease_epoch": 3,
               "failure": encode(Failure, FAILURE)},
    "succeeded": {"state": "succeeded", "start_time": MOMENT, "end_time": MOMENT + MINUTE, "lease_epoch": 1,
                  "tuned_model": "m1"},
}  # fmt: skip
"""Runs in every state, by their id, as the columns of experiments had them before there were jobs."""


def insert_runs(connection: Connection, dataset: str) -> None:
    """Insert RUNS, oldest first, each with a point of its curve, into the schema before jobs."""
    experiments, snapshots = (_reflect(connection, name) for name in ("tune_experiments", "tune_snapshots"))
    for key, (id, columns) in enumerate(RUNS.items(), start=1):
        common = {
            "key": key, "tenant": "acme", "id": id, "display_name": id, "description": "", "dataset": dataset,
            "config": encode(ExperimentConfig, make_config(dataset)), "plan": encode(TunePlan, make_plan()),
            "progress": encode(Progress, Progress(step=key)), "last_sequence": 0, "evaluations": [],
            "curve_advice": "", "compute_seconds": 0.0, "lease_epoch": 0, "creator": "key-1",
            "create_time": MOMENT + key * MINUTE, "update_time": MOMENT + key * MINUTE,
        }  # fmt: skip
        connection.execute(experiments.insert().values(**{**common, **columns}))
        connection.execute(
            snapshots.insert().values(experiment_key=key, sequence=1, tenant="acme", step=1, point={"of": id})
        )


def rows_of(connection: Connection, *names: str) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of tables in the order of their primary keys."""
    found = {}
    for name in names:
        table = _reflect(connection, name)
        rows = connection.execute(select(table).order_by(*table.primary_key.columns))
        found[name] = [dict(row) for row in rows.mappings()]
    return found


def _reflect(connection: Connection, name: str) -> Table:
    return Table(name, MetaData(), autoload_with=connection)


def dataset_before_jobs(url: str) -> str:
    """Bring a database to the schema before jobs, with a dataset of today, and return the id of the dataset."""
    database = Database(url)
    database.migrate()
    dataset = store_dataset(database).id
    database.close()
    engine = raw_engine(url)
    with engine.begin() as connection:
        migration.downgrade(connection, MIGRATIONS, "0006")
    engine.dispose()
    return dataset


def test_runs_in_every_state_become_jobs_and_nothing_of_them_is_lost(bare_url):
    dataset = dataset_before_jobs(bare_url)
    database = Database(bare_url)
    engine = raw_engine(bare_url)
    with engine.begin() as connection:
        insert_runs(connection, dataset)

    database.migrate()

    repository = ExperimentRepository(database, "acme")
    for key, (id, columns) in enumerate(RUNS.items(), start=1):
        run = repository.get(id)
        assert run.state.value == columns["state"]
        assert run.failure == (FAILURE if id == "failed" else None)
        assert run.progress.step == key
        assert run.tuned_model == columns.get("tuned_model")
        assert run.compute_seconds == columns.get("compute_seconds", 0.0)
        assert run.wait_seconds == columns.get("wait_seconds", 0.0)
        assert (run.create_time, run.update_time) == (MOMENT + key * MINUTE, MOMENT + key * MINUTE)
        assert (run.start_time, run.end_time) == (columns.get("start_time"), columns.get("end_time"))
    listed = repository.list(ListRequest(filter='state = RUNNING AND base_model = "baseModels/foreword--starter"'))
    assert [run.id for run in listed.items] == ["yielded", "running"]
    assert JobQueue(database).counts()[JobState.RUNNING] == 2
    with engine.connect() as connection:
        jobs = rows_of(connection, "jobs")["jobs"]
        assert [job["resource"] for job in jobs] == [*RUNS]  # older runs keep the smaller keys
        leased = next(job for job in jobs if job["resource"] == "running")
        assert (leased["lease_epoch"], leased["lease_worker"], leased["lost_leases"]) == (2, "w1", 1)
        assert len(rows_of(connection, "tune_snapshots")["tune_snapshots"]) == len(RUNS)
    engine.dispose()
    database.close()


def test_runs_in_every_state_are_the_same_after_the_way_to_jobs_and_back(bare_url):
    dataset = dataset_before_jobs(bare_url)
    engine = raw_engine(bare_url)
    with engine.begin() as connection:
        insert_runs(connection, dataset)
    with engine.connect() as connection:
        before = rows_of(connection, "tune_experiments", "tune_snapshots", "datasets", "tenants")

    with engine.begin() as connection:
        migration.upgrade(connection, MIGRATIONS, "0007", marker="tune_experiments")
    with engine.begin() as connection:
        migration.downgrade(connection, MIGRATIONS, "0006")

    with engine.connect() as connection:
        assert rows_of(connection, *before) == before
        assert "jobs" not in inspect(connection).get_table_names()
    engine.dispose()


def test_the_secrets_of_webhooks_are_encrypted_and_decrypted_again(bare_url):
    database = Database(bare_url)
    database.migrate()
    store_tenant(database)
    made = WebhookRepository(database, "acme").create(url="https://hooks.example.com/", kinds=["*"])
    rotated = WebhookRepository(database, "acme").rotate_secret(made.webhook.id)
    engine = raw_engine(bare_url)

    def stored() -> tuple[str, str]:
        with engine.connect() as connection:
            (row,) = rows_of(connection, "webhooks")["webhooks"]
        return row["secret"], row["previous_secret"]

    sealed = stored()
    with engine.begin() as connection:
        migration.downgrade(connection, MIGRATIONS, "0029")
    plain = stored()
    with engine.begin() as connection:  # as in a database that never had a key for them
        connection.execute(text("DELETE FROM shared_keys WHERE purpose = 'webhook_secrets'"))
    database.close()
    migrated = Database(bare_url)
    migrated.migrate()

    assert plain == (rotated.secret, made.secret)
    assert {*sealed, *stored()}.isdisjoint(plain)
    assert WebhookRepository(migrated, "acme").receiver(made.webhook.id).secrets == (rotated.secret,)
    engine.dispose()
    migrated.close()


def test_a_leased_run_goes_on_across_the_migration(bare_url):
    dataset = dataset_before_jobs(bare_url)
    database = Database(bare_url)
    engine = raw_engine(bare_url)
    with engine.begin() as connection:
        insert_runs(connection, dataset)
    engine.dispose()
    database.migrate()
    queue, taken = JobQueue(database), []

    while lease := queue.lease("w3", MINUTE):
        taken.append((lease.experiment.id, lease.epoch, lease.lost_before))

    # All leases have expired, and the cancelling run needs a worker only to end.
    assert taken == [("cancelling", 2, 1), ("running", 3, 2), ("yielded", 2, 0), ("queued", 1, 0)]
    database.close()
