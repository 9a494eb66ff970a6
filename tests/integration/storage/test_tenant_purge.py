"""The purge of a deleted tenant: nothing is left, whatever tables there are and whenever the process is killed."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Float, Integer, Table, Text, insert, select
from sqlalchemy.orm import Session

from factories.forked import fork_context
from factories.killed_processes import purge_and_die
from factories.stored import MOMENT, let_wait, store_dataset, store_experiment
from foreword.domain.tenant import Scope
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.sql.types import UtcDateTime
from foreword.storage.artifacts.keys import tenant_prefixes
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.tables import AuditRecordRow, Base
from foreword.storage.tables.base import OUTLIVES_TENANT
from foreword.storage.tenant_purge import FAILPOINTS, TenantPurge, tenant_tables
from foreword.storage.workers.queue import JobQueue

NOW = timedelta()
WITHOUT_TENANT = {"tenants", "shared_keys", "machine_speeds", "usage_segments"}
"""Tables whose rows belong to no tenant, and the tenants themselves."""


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def fill(session: Session, tenant: str, rows: int) -> None:
    """Insert rows of a tenant into every table that has tenants. The n-th row refers to the n-th rows of others."""
    stored: dict[str, list[Mapping[str, Any]]] = {"tenants": [{"id": tenant}] * rows}
    for table in tenant_tables()[::-1]:
        is_single = [column.name for column in table.primary_key] == ["tenant"]
        for number in range(1 if is_single else rows):
            referred = {name: found[number] for name, found in stored.items() if len(found) > number}
            values = {column.name: value(table, column, tenant, number, referred) for column in table.columns}
            given = {name: item for name, item in values.items() if item is not None}
            result = session.execute(insert(table).values(given))
            key = dict(zip((column.name for column in table.primary_key), result.inserted_primary_key, strict=True))
            stored.setdefault(table.name, []).append({**given, **key})


def value(
    table: Table, column: Column[Any], tenant: str, number: int, referred: Mapping[str, Mapping[str, Any]]
) -> Any:
    """Return a value that the column can have; None for the default."""
    for key in column.foreign_keys:
        return referred[key.column.table.name][key.column.name]
    if column.name == "tenant":
        return tenant
    if column.nullable or (column.primary_key and table.name in AUTOMATIC):
        return None
    kinds = {Text: f"{tenant} {number}", Boolean: False, Float: 1.0, Integer: number + 1, JSON: {}, UtcDateTime: MOMENT}
    return next(item for kind, item in kinds.items() if isinstance(column.type, kind))


AUTOMATIC = {
    table.name for table in Base.metadata.sorted_tables if table.dialect_options["sqlite"].get("autoincrement")
}


def left(database: Database, tenant: str) -> dict[str, int]:
    """Return the number of rows in which a column mentions the tenant, by table; 0 and those that stay are left out."""
    with database.read() as session:
        found = {
            table.name: sum(tenant in repr(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if not table.info
        }
    return {name: count for name, count in found.items() if count}


def store_files(artifacts: ArtifactStore, tenant: str) -> None:
    for prefix in tenant_prefixes(tenant):
        artifacts.write(f"{prefix}/some", {"rows.jsonl": b"x"})


def files(artifacts: ArtifactStore) -> list[str]:
    root = artifacts.folder
    assert root is not None
    return sorted(str(path.relative_to(root)) for path in root.rglob("rows.jsonl") if "gone" in str(path))


def test_every_table_is_purged_or_has_a_reason_to_stay():
    purged = {table.name for table in tenant_tables()}
    kept = {table.name for table in Base.metadata.sorted_tables if OUTLIVES_TENANT.items() <= table.info.items()}

    assert purged | kept | WITHOUT_TENANT == set(Base.metadata.tables)


def test_a_purge_leaves_nothing_of_the_tenant_and_all_of_the_others(database: Database, artifacts: ArtifactStore):
    tenants = TenantRepository(database)
    tenants.create_tenant("gone", "", RequestKey("CreateTenant", "r", "f"))
    tenants.create_tenant("kept", "")
    tenants.create_tenant("gone-too", "")  # its id begins with that of the other
    with database.write() as session:
        for tenant in ("gone", "kept"):
            fill(session, tenant, 3)
    store_files(artifacts, "gone")
    store_files(artifacts, "gone-too")
    before = left(database, "kept")
    TenantLifecycle(database).delete("gone", grace_period=NOW)

    assert TenantPurge(database=database, artifacts=artifacts, settling=NOW).purge_due() == ["gone"]

    with database.read() as session:
        assert [tuple(row) for row in session.execute(select(AuditRecordRow.method, AuditRecordRow.resource))] == [
            ("PurgeTenant", "tenants/gone")
        ]
        for table in (table for table in Base.metadata.sorted_tables if not table.info):
            rows = [tuple(row) for row in session.execute(select(table))]
            assert not any("gone" in repr(row).replace("gone-too", "") for row in rows), table.name
    assert set(before) >= {table.name for table in tenant_tables()}
    assert left(database, "kept") == before
    assert [path.split("/")[1] for path in files(artifacts)] == ["gone-too"] * 3
    with pytest.raises(NotFoundError):
        tenants.get_tenant("gone")
    assert tenants.create_tenant("gone", "", RequestKey("CreateTenant", "r", "f")).id == "gone"


def test_texts_of_a_purged_tenant_are_in_no_file_of_the_database(tmp_path: Path, artifacts: ArtifactStore):
    database = Database(tmp_path / "foreword.db")
    database.migrate()
    TenantRepository(database).create_tenant("gone", "Zacharias Quux")
    TenantRepository(database).create_api_key("gone", "Zacharias Quux's key", [Scope.READ])
    TenantLifecycle(database).delete("gone", grace_period=NOW)
    found = [path for path in tmp_path.glob("foreword.db*") if b"Zacharias Quux" in path.read_bytes()]
    assert found

    TenantPurge(database=database, artifacts=artifacts, settling=NOW).purge_due()

    assert not any(b"Zacharias Quux" in path.read_bytes() for path in tmp_path.glob("foreword.db*"))
    database.close()


def test_many_rows_are_deleted_in_several_transactions(
    database: Database, artifacts: ArtifactStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("foreword.storage.tenant_purge._BATCH", 2)
    TenantRepository(database).create_tenant("gone")
    with database.write() as session:
        fill(session, "gone", 7)
    TenantLifecycle(database).delete("gone", grace_period=NOW)
    writes: list[str] = []
    database.on_transaction = lambda use, *_: writes.append(use) if use == "write" else None

    TenantPurge(database=database, artifacts=artifacts, settling=NOW).purge_due()

    assert left(database, "gone") == {}
    assert len(writes) > 3 * len(tenant_tables())


def test_a_tenant_is_purged_only_after_its_grace_period_and_when_its_work_has_ended(
    database: Database, artifacts: ArtifactStore
):
    queue, lifecycle = JobQueue(database), TenantLifecycle(database)
    purge = TenantPurge(database=database, artifacts=artifacts, settling=NOW)
    experiment = store_experiment(database, dataset=store_dataset(database).id)
    let_wait(database, experiment)
    lease = queue.lease("worker", timedelta(minutes=1))
    lifecycle.delete("acme", grace_period=timedelta(hours=1))
    early = purge.purge_due()
    lifecycle.delete("acme", grace_period=NOW)
    settling = TenantPurge(database=database, artifacts=artifacts).purge_due()
    held = purge.purge_due()
    with pytest.raises(FailedPreconditionError, match="grace period"):
        lifecycle.undelete("acme")

    queue.release(lease)
    purged = purge.purge_due()

    assert (early, settling, held, purged) == ([], [], [], ["acme"])
    assert left(database, "acme") == {}


def test_a_purge_waits_for_the_artifact_store(database: Database, artifacts: ArtifactStore, tmp_path: Path):
    tenants = TenantRepository(database)
    tenants.create_api_key(tenants.create_tenant("gone").id, "key", [Scope.READ])
    store_files(artifacts, "gone")
    TenantLifecycle(database).delete("gone", grace_period=NOW)
    purge = TenantPurge(database=database, artifacts=artifacts, settling=NOW)
    (tmp_path / "artifacts").rename(tmp_path / "unmounted")
    away = purge.purge_due()
    (tmp_path / "unmounted").rename(tmp_path / "artifacts")

    assert away == []
    assert tenants.get_tenant("gone").id == "gone"
    assert purge.purge_due() == ["gone"]
    assert files(artifacts) == []


def test_a_slow_purge_leaves_a_new_tenant_of_the_same_name_alone(database: Database, artifacts: ArtifactStore):
    def purge_elsewhere(moment: str) -> None:
        if moment == "purge.rows_deleted":
            gone.extend(TenantPurge(database=database, artifacts=artifacts, settling=NOW).purge_due())
            tenants.create_tenant("gone")
            with database.write() as session:
                fill(session, "gone", 1)
            store_files(artifacts, "gone")
            new.update(left(database, "gone"))

    gone: list[str] = []
    new: dict[str, int] = {}
    tenants = TenantRepository(database)
    tenants.create_tenant("gone")
    TenantLifecycle(database).delete("gone", grace_period=NOW)
    slow = TenantPurge(database=database, artifacts=artifacts, settling=NOW, failpoint=purge_elsewhere).purge_due()

    assert (slow, gone) == ([], ["gone"])
    assert left(database, "gone") == new
    assert len(files(artifacts)) == 3


def test_a_purge_whose_process_is_killed_goes_on_and_leaves_nothing(
    database: Database, database_url: str, artifacts: ArtifactStore, tmp_path: Path
):
    for moment in FAILPOINTS:
        TenantRepository(database).create_tenant("gone")
        with database.write() as session:
            fill(session, "gone", 2)
        store_files(artifacts, "gone")
        TenantLifecycle(database).delete("gone", grace_period=NOW)

        process = fork_context().Process(target=purge_and_die, args=(moment, database_url, tmp_path / "artifacts"))
        process.start()
        process.join(60)
        with contextlib.suppress(NotFoundError):
            TenantRepository(database).get_tenant("gone")
            TenantPurge(database=database, artifacts=artifacts, settling=NOW).purge_due()

        assert process.exitcode == -signal.SIGKILL, moment
        assert left(database, "gone") == {}
        assert files(artifacts) == []
